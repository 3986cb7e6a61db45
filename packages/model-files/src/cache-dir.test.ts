import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultCacheDir } from './cache-dir.ts'

test('the cache follows XDG_CACHE_HOME, then HOME, then the temporary directory', () => {
  assert.equal(defaultCacheDir({ XDG_CACHE_HOME: '/x', HOME: '/h' }), '/x/menagerie/models')
  assert.equal(defaultCacheDir({ XDG_CACHE_HOME: '', HOME: '/h' }), '/h/.cache/menagerie/models')
  assert.equal(defaultCacheDir({}), join(tmpdir(), 'menagerie', 'models'))
})
