import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { classifyPictures } from './classify-pictures.ts'
import { findFreePort } from './free-port.ts'

let folder: string
let paths: string[]
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'launcher-classify-'))
  paths = ['cat.jpg', 'not-a-picture.png'].map((name) => join(folder, name))
  for (const path of paths) await writeFile(path, `bytes of ${path}`)
})
after(() => rm(folder, { recursive: true }))

const listen = async (handle: RequestListener): Promise<{ server: Server; url: string }> => {
  const server = createServer(handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { server, url: `http://127.0.0.1:${address.port}` }
}

const close = (server: Server): void => {
  server.close()
  server.closeAllConnections()
}

/** Answers as the service does: it knows the cat and refuses the rest. */
const answerCat =
  (headers: Record<string, string>): RequestListener =>
  (req, res) => {
    void (async () => {
      const body = Buffer.concat(await req.toArray()).toString()
      assert.match(req.headers['content-type'] ?? '', /^multipart\/form-data; boundary=/)
      assert.match(body, /name="file"; filename="(cat\.jpg|not-a-picture\.png)"/)
      const isCat = body.includes('filename="cat.jpg"')
      res.writeHead(isCat ? 200 : 415, headers)
      res.end(isCat ? '{"class_id":"n02123045","class_name":"tabby"}\n' : '{"code":"unsupported_image"}')
    })()
  }

const classify = async (
  url: string,
): Promise<{ summary: { pictures: number; answered: number }; text: string }> => {
  const lines: string[] = []
  const summary = await classifyPictures({ url, paths, print: (line) => lines.push(line) })
  return { summary, text: lines.join('\n') }
}

test('each picture has a block: name, status line, body', async () => {
  const { server, url } = await listen(answerCat({}))
  try {
    const { summary, text } = await classify(url)
    assert.deepEqual(summary, { pictures: 2, answered: 1 })
    assert.equal(
      text,
      [
        'cat.jpg',
        'HTTP/1.1 200 OK',
        '{"class_id":"n02123045","class_name":"tabby"}',
        '',
        'not-a-picture.png',
        'HTTP/1.1 415 Unsupported Media Type',
        '{"code":"unsupported_image"}',
        '',
        '2 pictures, 1 answered',
      ].join('\n'),
    )
  } finally {
    close(server)
  }
})

test('answers of the stand-in are marked, each and all', async () => {
  const { server, url } = await listen(answerCat({ 'menagerie-trained': 'false' }))
  try {
    const { text } = await classify(url)
    assert.equal(text.match(/\(untrained stand-in: this answer means nothing\)/g)?.length, 2)
    assert.match(text, /2 pictures, 1 answered by the UNTRAINED stand-in/)
  } finally {
    close(server)
  }
})

test('a picture that gets no answer does not end the others', async () => {
  const { summary, text } = await classify(`http://127.0.0.1:${await findFreePort()}`)
  assert.deepEqual(summary, { pictures: 2, answered: 0 })
  assert.equal(text.match(/no answer: fetch failed: connect ECONNREFUSED/g)?.length, 2)
})
