/**
 * ONNX Runtime reports to its maker how it is used, and writes a device id into the home folder, unless this variable
 * is set before its library is loaded. A service that gets people's pictures reports nothing. It must be set on the
 * main thread: a worker thread has only a copy of the environment.
 */
export const disableTelemetry = (): void => {
  // oxlint-disable-next-line node/no-process-env -- it is the only switch there is
  process.env['ORT_DISABLE_TELEMETRY'] = '1'
}
