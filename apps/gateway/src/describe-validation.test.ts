import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeValidation } from './describe-validation.ts'

test('names the place, the value and the rule of the first problem', () => {
  const errors = [
    { instancePath: '/top_k', message: 'must be <= 20' },
    { instancePath: '/model', message: 'other' },
  ]
  assert.equal(describeValidation('query parameter', errors), 'query parameter top_k must be <= 20')
})

test('a nested value is named by its path', () => {
  const errors = [{ instancePath: '/input/0/size', message: 'must be integer' }]
  assert.equal(describeValidation('body', errors), 'body input.0.size must be integer')
})

test('names what is not known', () => {
  const errors = [
    {
      instancePath: '',
      message: 'must NOT have additional properties',
      params: { additionalProperty: 'topk' },
    },
  ]
  assert.equal(describeValidation('form field', errors), 'form field topk is not known here')
})

test('names what is not known also where that comes in a list, behind another error', () => {
  const errors = [
    { instancePath: '/topk', message: 'schema is false', params: {} },
    {
      instancePath: '',
      message: 'must not have additional properties',
      params: { additionalProperties: ['topk'] },
    },
  ]
  assert.equal(describeValidation('body', errors), 'body topk is not known here')
})

test('says something also when the validator says nothing', () => {
  assert.equal(describeValidation('body', []), 'body is not valid')
  assert.equal(describeValidation('body', [{}]), 'body is not valid')
})
