import sharp, { type Sharp } from 'sharp'

const share = (side: number, of: number): number => Math.max(1, Math.round(side * of))

const cut = async (photo: Buffer, of: number, place: 'middle' | 'corner'): Promise<Sharp> => {
  const { width, height } = await sharp(photo).metadata()
  const [cutWidth, cutHeight] = [share(width, of), share(height, of)]
  const [left, top] =
    place === 'corner' ? [0, 0] : [Math.floor((width - cutWidth) / 2), Math.floor((height - cutHeight) / 2)]
  return sharp(photo).extract({ left, top, width: cutWidth, height: cutHeight })
}

/** What people do to photos, from harmless to beyond recognition. */
export const DISTORTIONS: Record<string, (photo: Buffer) => Sharp | Promise<Sharp>> = {
  mirrored: (photo) => sharp(photo).flop(),
  'on its side': (photo) => sharp(photo).rotate(90),
  'upside down': (photo) => sharp(photo).rotate(180),
  'turned by 45°': (photo) => sharp(photo).rotate(45, { background: '#ffffff' }),
  'middle quarter': (photo) => cut(photo, 0.5, 'middle'),
  'middle sixteenth': (photo) => cut(photo, 0.25, 'middle'),
  'corner sixteenth': (photo) => cut(photo, 0.25, 'corner'),
  'blurred (σ 6)': (photo) => sharp(photo).blur(6),
  'shrunk to 32 px': (photo) => sharp(photo).resize(32, 32, { fit: 'inside' }),
  'nearly dark': (photo) => sharp(photo).linear(0.08, 0),
}

export const distort = async (photo: Buffer, how: string): Promise<Buffer> => {
  const change = DISTORTIONS[how]
  if (change === undefined) throw new Error(`there is no distortion "${how}"`)
  return (await change(photo)).png().toBuffer()
}
