import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { closeSync, constants, openSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileCalls } from './file-calls.ts'
import { createFsUploadStore } from './fs-upload-store.ts'
import { createUploadId } from './upload-id.ts'
import type { UploadStore } from './upload-store.ts'

// What every store does is in test/e2e/src/upload-stores/conformance.test.ts.

const TTL_MS = 60_000
const newId = (): string => createUploadId({ model: 'm', predictionId: randomUUID() })

const makeDir = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'menagerie-fs-store-'))
  t.after(async () => {
    // Where the test has mounted something.
    spawnSync('umount', [dir])
    await rm(dir, { recursive: true, force: true })
  })
  return dir
}

const listAll = async (store: UploadStore): Promise<string[]> => {
  const ids: string[] = []
  for await (const id of store.list()) ids.push(id)
  return ids.toSorted()
}

/** With the reason, which the log shows. */
const isUnavailable = (reason: RegExp) => (error: Error & { code?: string }) => {
  assert.equal(error.code, 'upload_store_unavailable')
  assert.match(String(error.cause), reason)
  return true
}

test('what a killed gateway has half written is no picture, is listed, and can be deleted', async (t) => {
  const dir = await makeDir(t)
  const store = createFsUploadStore({ dir, folder: 'ours' })
  const [whole, half] = [newId(), newId()]
  await store.put(whole, Buffer.from('whole'), TTL_MS)
  await mkdir(join(dir, 'ours', half.slice(-2)), { recursive: true })
  await writeFile(join(dir, 'ours', half.slice(-2), `${half}.part`), 'ha')
  assert.equal(await store.get(half), null)
  assert.deepEqual(await listAll(store), [whole, half].toSorted())
  await store.delete(half)
  assert.deepEqual(await listAll(store), [whole])
})

test('files are spread over subfolders, and nothing but pictures is listed', async (t) => {
  const dir = await makeDir(t)
  const store = createFsUploadStore({ dir, folder: 'ours' })
  const ids = Array.from({ length: 100 }, newId)
  for (const id of ids) await store.put(id, Buffer.from('x'), TTL_MS)
  await writeFile(join(dir, 'ours', 'README'), 'of somebody else')
  await writeFile(join(dir, 'ours', (ids[0] ?? '').slice(-2), '.nfs0001'), 'of the file system')
  const folders = (await readdir(join(dir, 'ours'), { withFileTypes: true })).filter((entry) =>
    entry.isDirectory(),
  )
  assert.equal(folders.length, 256)
  assert.deepEqual(await listAll(store), ids.toSorted())
})

test('every subfolder and the marker are there from the first picture on, whatever a killed gateway has left', async (t) => {
  const dir = await makeDir(t)
  const id = newId()
  await mkdir(join(dir, 'ours', id.slice(-2)), { recursive: true })
  await createFsUploadStore({ dir, folder: 'ours' }).put(id, Buffer.from('x'), TTL_MS)
  assert.equal((await readdir(join(dir, 'ours'))).length, 257)
  const worker = createFsUploadStore({ dir, folder: 'ours', makesFolders: false })
  assert.equal(await worker.get(newId()), null)
})

test('nobody else on the machine may read pictures', async (t) => {
  const dir = await makeDir(t)
  const store = createFsUploadStore({ dir, folder: 'ours' })
  const id = newId()
  await store.put(id, Buffer.from('x'), TTL_MS)
  const folder = join(dir, 'ours', id.slice(-2))
  for (const path of [join(dir, 'ours'), folder, join(folder, id)]) {
    assert.equal((await stat(path)).mode & 0o007, 0, path)
  }
})

test('a folder that no gateway has written to is not one from which the pictures are gone', async (t) => {
  const worker = createFsUploadStore({ dir: await makeDir(t), folder: 'ours' })
  await assert.rejects(worker.get(newId()), isUnavailable(/is the volume mounted/))
  await assert.rejects(worker.delete(newId()), isUnavailable(/is the volume mounted/))
})

test('a worker does not make such a folder one', async (t) => {
  const dir = await makeDir(t)
  const worker = createFsUploadStore({ dir, folder: 'ours', makesFolders: false })
  await assert.rejects(worker.put(newId(), Buffer.from('x'), TTL_MS), isUnavailable(/is the volume mounted/))
  assert.deepEqual(await readdir(dir), [])
})

test('calls that hang are given up, are refused at once when they are many, and leave the rest of Node alone', async (t) => {
  const dir = await makeDir(t)
  const store = createFsUploadStore({ dir, folder: 'ours' }, 200)
  await createFsUploadStore({ dir, folder: 'ours' }).put(newId(), Buffer.from('x'), TTL_MS)
  const ids = Array.from({ length: 8 }, newId)
  const paths = ids.map((id) => join(dir, 'ours', id.slice(-2), id))
  // Opening one waits in the kernel until its other end is opened.
  for (const path of paths) assert.equal(spawnSync('mkfifo', [path]).status, 0)
  const refusals = ids.map((id) => assert.rejects(store.get(id), isUnavailable(/did not answer within/)))
  await Promise.all(refusals)
  assert.equal(fileCalls.countRunning(), 3)
  await assert.rejects(store.get(newId()), isUnavailable(/does not answer$/))
  await lookup('localhost')
  await readdir(dir)

  const answer = async (): Promise<void> => {
    for (const path of paths.slice(0, 3)) closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
    await fileCalls.settle()
  }
  await answer()
  assert.equal(fileCalls.countRunning(), 0)
  const id = newId()
  await store.put(id, Buffer.from('x'), TTL_MS)
  assert.deepEqual(await store.get(id), Buffer.from('x'))
})

test('a folder that does not exist is named, and not made', async (t) => {
  const dir = join(await makeDir(t), 'not-there')
  const store = createFsUploadStore({ dir, folder: 'ours' })
  await assert.rejects(store.put(newId(), Buffer.from('x'), TTL_MS), isUnavailable(/ENOENT.*not-there/))
})

test('what cannot be read is not taken for gone', async (t) => {
  const dir = await makeDir(t)
  const store = createFsUploadStore({ dir, folder: 'ours' })
  const id = newId()
  await store.put(newId(), Buffer.from('x'), TTL_MS)
  await mkdir(join(dir, 'ours', id.slice(-2), id), { recursive: true })
  await assert.rejects(store.get(id), isUnavailable(/EISDIR/))
})

test('a full disk refuses a picture, keeps the others and nothing of this one, and takes it when there is room', async (t) => {
  const dir = await makeDir(t)
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir])
  if (mount.status !== 0) return t.skip('a small file system cannot be mounted here: not root')
  const store = createFsUploadStore({ dir, folder: 'ours' })
  const [kept, refused] = [newId(), newId()]
  const bytes = Buffer.alloc(600_000, 1)
  await store.put(kept, bytes, TTL_MS)
  await assert.rejects(store.put(refused, bytes, TTL_MS), (error: Error & { code?: string }) => {
    assert.match(error.message, /full/)
    return isUnavailable(/ENOSPC/)(error)
  })
  assert.equal(await store.get(refused), null)
  assert.deepEqual(await listAll(store), [kept])
  assert.deepEqual(await store.get(kept), bytes)
  await store.delete(kept)
  await store.put(refused, bytes, TTL_MS)
  assert.deepEqual(await store.get(refused), bytes)
})
