import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { listPictures, listSamples } from './list-pictures.ts'

test('pictures are found by their ending, in any case, in the order of their names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'launcher-pictures-'))
  try {
    const pictures = ['a.JPG', 'b.jpeg', 'c.png', 'd.webp', 'e.GIF', 'f.avif']
    const others = ['README.md', '.hidden.jpg', 'jpg', 'g.jpg.txt']
    await Promise.all([...others, ...pictures].map((name) => writeFile(join(folder, name), 'x')))
    await mkdir(join(folder, 'folder.jpg'))
    await symlink('a.JPG', join(folder, 'link.jpg'))
    await symlink('nowhere', join(folder, 'broken.jpg'))
    assert.deepEqual(
      (await listPictures(folder)).map((path) => basename(path)),
      [...pictures, 'link.jpg'],
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a folder that is not there has no pictures', async () => {
  assert.deepEqual(await listPictures('/no/such/folder'), [])
})

test('the samples are installed', async () => {
  for (const { path, source } of listSamples()) {
    assert.ok((await stat(path)).size > 0)
    assert.match(source, /npm package/)
  }
})
