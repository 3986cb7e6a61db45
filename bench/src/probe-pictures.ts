import sharp from 'sharp'

/** Pictures of nothing: whatever a classifier calls them, it should not be sure of it. */
export interface ProbePicture {
  kind: 'noise' | 'solid' | 'gradient' | 'pattern' | 'text'
  bytes: Buffer
}

type Paint = (x: number, y: number) => readonly [red: number, green: number, blue: number]

const WIDTH = 320
const HEIGHT = 256

const encode = (paint: Paint): Promise<Buffer> => {
  const data = new Uint8Array(WIDTH * HEIGHT * 3)
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) data.set(paint(x, y), (y * WIDTH + x) * 3)
  }
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .png()
    .toBuffer()
}

/** A number from 0 to 1 that only looks random: the same in every run (finaliser of MurmurHash3). */
const hash = (...numbers: number[]): number => {
  let state = 0
  for (const number of numbers) {
    state = Math.imul((state ^ number) + 0x9e3779b9, 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    state ^= state >>> 16
  }
  return (state >>> 0) / 2 ** 32
}

/** Squares of `size` pixels, each of a random colour or grey. */
const noise = (size: number, isGrey: boolean, seed: number): Paint => {
  return (x, y) => {
    const at = (channel: number): number =>
      Math.floor(256 * hash(seed, Math.floor(x / size), Math.floor(y / size), isGrey ? 0 : channel))
    return [at(0), at(1), at(2)]
  }
}

const solid = (seed: number): Paint => {
  const colour = [0, 1, 2].map((channel) => Math.floor(256 * hash(seed, channel)))
  return () => [colour[0] ?? 0, colour[1] ?? 0, colour[2] ?? 0]
}

/** From one colour to another, along a line or around a point. */
const gradient = (isRadial: boolean, seed: number): Paint => {
  const [from, to] = [solid(seed)(0, 0), solid(seed + 1000)(0, 0)]
  const angle = 2 * Math.PI * hash(seed)
  const length = Math.hypot(WIDTH, HEIGHT)
  return (x, y) => {
    const [dx, dy] = [x - WIDTH / 2, y - HEIGHT / 2]
    const along = (dx * Math.cos(angle) + dy * Math.sin(angle)) / length + 0.5
    const share = isRadial ? Math.min(1, (2 * Math.hypot(dx, dy)) / length) : along
    const at = (channel: 0 | 1 | 2): number =>
      Math.round(from[channel] + share * (to[channel] - from[channel]))
    return [at(0), at(1), at(2)]
  }
}

/** Two colours in stripes or as a chessboard. */
const pattern = (size: number, isChess: boolean, seed: number): Paint => {
  const [even, odd] = [solid(seed)(0, 0), solid(seed + 1000)(0, 0)]
  return (x, y) => ((Math.floor(x / size) + (isChess ? Math.floor(y / size) : 0)) % 2 === 0 ? even : odd)
}

const LETTERS = 'etaoinshrdlu'
const text = (points: number, seed: number): Promise<Buffer> => {
  const words = Array.from({ length: 400 }, (_, word) =>
    Array.from({ length: 2 + Math.floor(8 * hash(seed, word)) }, (_, i) => {
      return LETTERS[Math.floor(LETTERS.length * hash(seed, word, i))]
    }).join(''),
  ).join(' ')
  return sharp({ text: { text: words, font: `sans ${points}`, width: 2 * WIDTH, dpi: 96 } })
    .resize(2 * WIDTH, 2 * HEIGHT, { fit: 'cover', position: 'top' })
    .negate()
    .png()
    .toBuffer()
}

const PER_KIND = 20
const seeds = Array.from({ length: PER_KIND }, (_, seed) => seed)
const NOISE_SIZES = [1, 2, 4, 8, 16]
const PATTERN_SIZES = [2, 4, 8, 16, 32]
const pick = <T>(values: readonly T[], seed: number): T => values[seed % values.length] as T

/** 20 pictures of each kind, the same in every run (but for the fonts of the machine). */
export const makeProbePictures = async (): Promise<ProbePicture[]> => {
  const kinds: Record<ProbePicture['kind'], (seed: number) => Promise<Buffer>> = {
    noise: (seed) => encode(noise(pick(NOISE_SIZES, seed), seed % 2 === 0, seed)),
    solid: (seed) => encode(solid(seed)),
    gradient: (seed) => encode(gradient(seed % 2 === 0, seed)),
    pattern: (seed) => encode(pattern(pick(PATTERN_SIZES, seed), seed % 2 === 0, seed)),
    text: (seed) => text(8 + 2 * seed, seed),
  }
  const made = Object.entries(kinds).flatMap(([kind, make]) =>
    seeds.map(async (seed) => ({ kind: kind as ProbePicture['kind'], bytes: await make(seed) })),
  )
  return Promise.all(made)
}
