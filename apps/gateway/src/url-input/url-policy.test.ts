import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPictureUrlPolicy } from './url-policy.ts'

const check = createPictureUrlPolicy({ isPrivateAllowed: false })

const PRIVATE_HOSTS = [
  'localhost',
  'a.localhost',
  'localhost.',
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0177.0.0.1',
  '017700000001',
  '１２７.0.0.1',
  '127.0.0.1.',
  '0.0.0.0',
  '0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '100.64.0.1',
  '169.254.169.254',
  '0xa9fea9fe',
  '192.0.0.192',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:a9fe:a9fe]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2001::1]',
  '[2001:db8::1]',
  '[3fff::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
]

const refuses = (url: string, why: RegExp): void => {
  assert.throws(() => check(url), { code: 'url_refused', message: why }, url)
}

test('no spelling of a private address is taken', () => {
  for (const host of PRIVATE_HOSTS) refuses(`https://${host}/a.jpg`, /private address/)
})

test('only https, on ports 443 and 8443, without credentials', () => {
  for (const url of ['http://example.com/a.jpg', 'ftp://example.com/', 'file:///etc/passwd', 'gopher://x/']) {
    refuses(url, /must be https/)
  }
  for (const port of [22, 80, 6379, 8080]) refuses(`https://example.com:${port}/a.jpg`, /port 443 or 8443/)
  for (const who of ['user', 'user:secret', ':secret']) refuses(`https://${who}@example.com/`, /password/)
  for (const url of ['', 'example.com/a.jpg', '//example.com', 'https://']) refuses(url, /is not a URL/)
})

test('what is public is taken, and comes back parsed', () => {
  for (const url of [
    'https://example.com/a.jpg',
    'https://8.8.8.8:8443/',
    'https://[2606:4700::1111]/a?b#c',
  ]) {
    assert.equal(check(url).href, url)
  }
  assert.equal(check('HTTPS://EXAMPLE.com:443').href, 'https://example.com/')
})

test('where private addresses are allowed, so are http and every port, and nothing else', () => {
  const checkPrivate = createPictureUrlPolicy({ isPrivateAllowed: true })
  assert.equal(checkPrivate('http://127.0.0.1:8080/a.jpg').host, '127.0.0.1:8080')
  for (const url of ['file:///etc/passwd', 'http://user@127.0.0.1/']) {
    assert.throws(() => checkPrivate(url), { code: 'url_refused' })
  }
})
