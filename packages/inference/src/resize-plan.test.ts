import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planResize, type ResizePlan } from './resize-plan.ts'

/** What torchvision's Resize(256) and CenterCrop(224) do to these sizes. */
const CASES: [width: number, height: number, plan: ResizePlan][] = [
  [256, 256, { width: 256, height: 256, left: 16, top: 16 }],
  [224, 224, { width: 256, height: 256, left: 16, top: 16 }],
  [1, 1, { width: 256, height: 256, left: 16, top: 16 }],
  // 341.33 is cut, and half of 117 is rounded down to the even 58.
  [500, 375, { width: 341, height: 256, left: 58, top: 16 }],
  [375, 500, { width: 256, height: 341, left: 16, top: 58 }],
  // Cut at 383.72, not rounded; half of 159 is rounded up to the even 80.
  [640, 427, { width: 383, height: 256, left: 80, top: 16 }],
  [427, 640, { width: 256, height: 383, left: 16, top: 80 }],
  [501, 333, { width: 385, height: 256, left: 80, top: 16 }],
  [376, 263, { width: 365, height: 256, left: 70, top: 16 }],
  [4000, 3000, { width: 341, height: 256, left: 58, top: 16 }],
  [1000, 10, { width: 25_600, height: 256, left: 12_688, top: 16 }],
  [8, 300, { width: 256, height: 9600, left: 16, top: 4688 }],
]
test('the geometry is torchvision’s', () => {
  for (const [width, height, plan] of CASES) {
    assert.deepEqual(planResize(width, height, 256, 224), plan, `${width} × ${height}`)
  }
})

test('halves go to the even neighbour, the whole way up', () => {
  // One pixel more of width is half a pixel more of margin: 0.5, 1, 1.5, …
  const lefts = Array.from({ length: 9 }, (_, i) => planResize(225 + i, 224, 224, 224).left)
  assert.deepEqual(lefts, [0, 1, 2, 2, 2, 3, 4, 4, 4])
})

test('the crop always lies within the scaled picture', () => {
  for (let width = 1; width < 700; width += 7) {
    for (let height = 1; height < 700; height += 11) {
      const plan = planResize(width, height, 256, 224)
      assert.ok(plan.left >= 0 && plan.left + 224 <= plan.width, `${width} × ${height}`)
      assert.ok(plan.top >= 0 && plan.top + 224 <= plan.height, `${width} × ${height}`)
      assert.equal(Math.min(plan.width, plan.height), 256)
    }
  }
})
