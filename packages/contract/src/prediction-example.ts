/** A Prediction that has succeeded, as the documentation shows it. */
export const PREDICTION_EXAMPLE = {
  id: '0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b',
  status: 'succeeded',
  model: {
    name: 'densenet-121',
    digest: 'sha256:2f1c1f3c0a7f4b0e9d7a6c5b4e3d2c1b0a99887766554433221100ffeeddccbb',
    trained: true,
  },
  input: {
    filename: 'dog.jpg',
    content_type: 'image/jpeg',
    bytes: 81_234,
    sha256: '9b74c9897bac770ffc029102a200c5de3f1d2b8a4c6e5f7089a1b2c3d4e5f607',
  },
  output: {
    class_id: 'n02099601',
    class_name: 'golden_retriever',
    probability: 0.91,
    confident: true,
    top_k: [
      { index: 207, class_id: 'n02099601', class_name: 'golden_retriever', probability: 0.91 },
      { index: 208, class_id: 'n02099712', class_name: 'Labrador_retriever', probability: 0.06 },
    ],
  },
  error: null,
  metrics: {
    queue_ms: 3.1,
    preprocess_ms: 6.9,
    predict_ms: 66.2,
    total_ms: 78,
    cache: 'miss',
    attempts: 1,
    worker: 'worker-1',
  },
  queue: null,
  metadata: { order: 'A-17' },
  replay_of: null,
  created_at: '2026-03-01T12:00:00.000Z',
  started_at: '2026-03-01T12:00:00.003Z',
  completed_at: '2026-03-01T12:00:00.078Z',
  expires_at: '2026-03-01T13:00:00.078Z',
  urls: {
    get: 'https://menagerie.example/v1/predictions/0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b',
    events: 'https://menagerie.example/v1/predictions/0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b/events',
    cancel: 'https://menagerie.example/v1/predictions/0199f5c3-7a1e-8b42-9c3d-5e6f70819a2b/cancel',
  },
}
