import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPublicAddress } from './public-address.ts'

const PRIVATE = [
  '127.0.0.1',
  '10.0.0.1',
  '169.254.169.254',
  '198.18.0.1',
  '192.0.2.1',
  '::1',
  '[::1]',
  'fd00::1',
  'fe80::1%eth0',
  '::ffff:10.0.0.1',
  '2001::1',
  '::7f00:1',
  '4000::1',
  'localhost',
  'LOCALHOST',
]
const PUBLIC = ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '[2606:4700::1111]', '::ffff:8.8.8.8']

for (const address of PRIVATE)
  test(`${address} is not public`, () => assert.equal(isPublicAddress(address), false))
for (const address of PUBLIC) test(`${address} is public`, () => assert.equal(isPublicAddress(address), true))

test('a name says nothing yet', () => assert.equal(isPublicAddress('example.com'), true))
