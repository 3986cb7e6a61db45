import { EnvError } from '@menagerie/shared/env'
import { runKeysCommand, UsageError } from '../tenants/keys-command.ts'

try {
  console.log(await runKeysCommand(process.argv.slice(2), process.env['API_KEYS_FILE'] || undefined))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof UsageError || error instanceof EnvError ? 2 : 1
}
