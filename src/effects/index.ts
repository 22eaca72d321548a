export type { Consumer, ConsumerBatch, ConsumerWork, Cursor } from './consumer.ts'
export { ConsumerHost, type ConsumerHostOptions } from './consumer-host.ts'
export { followedMillis, neededAfter } from './consumer-retention.ts'
export { type Effect, type EffectContext, type EffectTools, isEffect } from './effect.ts'
export { effectRecords } from './effect-records.ts'
export { effectTools } from './effect-tools.ts'
export { type Egress, type EgressOptions, type EgressRequest, type EgressResponse, egress } from './egress.ts'
export { type DataOf, type Emit, type EventOptions, type EventType, event } from './event.ts'
export { keptData, type RecordedEvent, readData, recordedEvent } from './event-data.ts'
export {
  createJob,
  type Enqueue,
  type Enqueued,
  type EnqueueOptions,
  type Job,
  type JobContext,
  type JobFacts,
  type JobOptions,
  type JobPrepareContext,
  type JobRetry,
} from './job.ts'
export {
  cancelJob,
  createJobs,
  type JobCounts,
  type JobInfo,
  type JobQuery,
  type Jobs,
  type JobsOptions,
  jobInfoOf,
} from './job-control.ts'
export { type JobState, jobStates } from './job-control-store.ts'
export { type JobEnded, jobEnded } from './job-diagnostics.ts'
export { enqueueJob } from './job-enqueue.ts'
export { JobUniqueRecord } from './job-feature-record.ts'
export type { JobConcurrency, JobRate } from './job-limit.ts'
export { defaultJobKeep, type JobKeep, pruneJobs } from './job-prune.ts'
export { JobPauseRecord, JobRecord, WorkerRecord } from './job-record.ts'
export { JobRunner, type JobRunnerOptions } from './job-runner.ts'
export type { JobUnique } from './job-unique.ts'
export type { RetryOptions } from './retry-delay.ts'
export {
  createSchedule,
  type HandlerSchedule,
  type JobSchedule,
  type Schedule,
  type ScheduleContext,
  type Tick,
  withJobs,
} from './schedule.ts'
export { createSchedules, type ScheduleInfo, type Schedules, type TickInfo } from './schedule-control.ts'
export { ScheduleRunner } from './schedule-runner.ts'
export {
  createSubscriber,
  type EventFacts,
  type Subscriber,
  type SubscriberContext,
  type SubscriberOptions,
} from './subscriber.ts'
export { consumersOf, listenToEvents } from './subscriber-consumers.ts'
export { createSubscribers, type SkippedEvent, type SubscriberInfo, type Subscribers } from './subscriber-control.ts'
export { createWebhooks, type WebhookEvent, type WebhookOptions, type Webhooks } from './webhook.ts'
export type {
  AddEndpoint,
  WebhookControl,
  WebhookDelivery,
  WebhookEndpoint,
  WebhookSecret,
} from './webhook-control.ts'
export { createWebhookParts, type WebhookParts, webhookControl } from './webhook-parts.ts'
export { pruneReceived, type Received, receiveOnce } from './webhook-received.ts'
export { type BodySignature, type VerifiedWebhook, type VerifyOptions, verifyWebhook } from './webhook-verify.ts'
export { type Why, why } from './why.ts'
export type { WhyNode } from './why-node.ts'
