import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWebhookUrlPolicy } from './url-policy.ts'

const check = createWebhookUrlPolicy({ secretsOf: () => ['whsec_x'], isPrivateAllowed: false })
const checkPrivate = createWebhookUrlPolicy({ secretsOf: () => ['whsec_x'], isPrivateAllowed: true })

const REFUSED: Array<[url: string, why: RegExp]> = [
  ['', /is not a URL/],
  ['example.com/hook', /is not a URL/],
  ['https://', /is not a URL/],
  ['https://exa mple.com', /is not a URL/],
  ['https://256.256.256.256', /is not a URL/],
  ['ftp://example.com', /must be https/],
  ['file:///etc/passwd', /must be https/],
  ['javascript:alert(1)', /must be https/],
  ['http://example.com', /must be https/],
  ['https://user@example.com', /user name or password/],
  ['https://user:secret@example.com', /user name or password/],
  ['https://:secret@example.com', /user name or password/],
]

const PRIVATE_HOSTS = [
  'localhost',
  'LOCALHOST',
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f.1',
  '0x7f000001',
  '0177.0.0.1',
  '0.0.0.0',
  '0',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '169.254.169.254',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:a00:1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  '[fc00::1]',
  '[fd12:3456::1]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[::127.0.0.1]',
]

for (const [url, why] of REFUSED) {
  test(`"${url}" is refused`, () => {
    assert.throws(
      () => check(url, 'anonymous'),
      (error: Error) => {
        assert.equal((error as { code?: string }).code, 'webhook_refused')
        assert.match(error.message, why)
        assert.ok(!error.message.includes('secret'))
        return true
      },
    )
  })
}

for (const host of PRIVATE_HOSTS) {
  test(`https://${host} is refused as private, and allowed where that is wanted`, () => {
    assert.throws(() => check(`https://${host}:8443/hook`, 'anonymous'), {
      code: 'webhook_refused',
      message: /private address/,
    })
    checkPrivate(`http://${host}:8080/hook`, 'anonymous')
  })
}

for (const url of [
  'https://example.com/hook?token=1',
  'https://example.com:8443',
  'https://8.8.8.8/',
  'https://[2606:4700::1111]/',
  'https://bücher.example/',
]) {
  test(`${url} is taken`, () => check(url, 'anonymous'))
}

test('where private addresses are allowed, the rest still counts', () => {
  for (const url of ['', 'ftp://10.0.0.1', 'http://user@10.0.0.1']) {
    assert.throws(() => checkPrivate(url, 'anonymous'), { code: 'webhook_refused' })
  }
})

test('without a secret nothing is taken', () => {
  const disabled = createWebhookUrlPolicy({ secretsOf: () => [], isPrivateAllowed: true })
  assert.throws(() => disabled('https://example.com', 'anonymous'), { code: 'webhooks_disabled' })
})
