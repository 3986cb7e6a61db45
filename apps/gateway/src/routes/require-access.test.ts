import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACCESS_LEVELS } from '../config.ts'
import { openTestGateway } from '../testing/open-test-gateway.ts'
import { writeKeys } from '../testing/tenants.ts'

