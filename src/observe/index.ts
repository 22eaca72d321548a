export { type Diagnostic, type DiagnosticListener, Diagnostics, diagnostic } from './diagnostics.ts'
export { logDiagnostics } from './diagnostics-log.ts'
export { Health, type HealthCheck, type HealthReport } from './health.ts'
export {
  createLogger,
  type LogDestination,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
  silentLogger,
} from './log.ts'
export { cleanFields, cleanUrl, isSecretKey } from './log-clean.ts'
export { type LoopBlocked, type LoopDelay, LoopMonitor, loopBlocked, type Work } from './loop-monitor.ts'
export { toldElsewhere, watchProcessErrors } from './process-errors.ts'
export { isRequestId, nextRequestId } from './request-id.ts'
export { newTraceId } from './trace-id.ts'
