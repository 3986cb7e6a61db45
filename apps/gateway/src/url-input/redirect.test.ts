import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRedirect } from './redirect.ts'
import { createPictureUrlPolicy } from './url-policy.ts'

const FROM = new URL('https://example.com/pictures/a.jpg')
const checkUrl = createPictureUrlPolicy({ isPrivateAllowed: false })
const redirect = (location: string | string[], statusCode = 302): string | undefined =>
  readRedirect(FROM, { statusCode, headers: { location } }, checkUrl)?.href

test('a redirect leads to its location, which may be relative', () => {
  assert.equal(redirect('b.jpg'), 'https://example.com/pictures/b.jpg')
  assert.equal(redirect('/b.jpg', 308), 'https://example.com/b.jpg')
  assert.equal(redirect('//other.example/b.jpg', 301), 'https://other.example/b.jpg')
})

test('other answers lead nowhere', () => {
  assert.equal(redirect('/b.jpg', 200), undefined)
  assert.equal(redirect('/b.jpg', 304), undefined)
  assert.equal(redirect(['/b.jpg', '/c.jpg']), undefined)
  assert.equal(readRedirect(FROM, { statusCode: 302, headers: {} }, checkUrl), null)
})

test('each redirect is held against the same rules as the first URL', () => {
  for (const location of [
    'https://127.0.0.1/',
    'https://2130706433/',
    '//localhost/',
    'https://[::ffff:127.0.0.1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://user:secret@example.com/',
    'https://example.com:6379/',
    'file:///etc/passwd',
  ]) {
    assert.throws(() => redirect(location), { code: 'url_refused' }, location)
  }
  assert.throws(() => redirect('https://'), { code: 'url_unreachable' })
})

test('no redirect leads from https to http, even where http is allowed', () => {
  const lax = createPictureUrlPolicy({ isPrivateAllowed: true })
  const answer = { statusCode: 301, headers: { location: 'http://example.com/' } }
  assert.throws(() => readRedirect(FROM, answer, lax), { code: 'url_refused', message: /from https to http/ })
})
