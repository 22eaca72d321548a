import type { AnyModel } from '../schema/index.ts'
import { ConsumerRecord, DeliveryRecord, SkippedRecord } from './consumer-record.ts'
import { JobLimitRecord, JobNeedRecord, JobUniqueRecord } from './job-feature-record.ts'
import { JobPauseRecord, JobRecord, WorkerRecord } from './job-record.ts'
import { ScheduleRecord, TickRecord } from './schedule-record.ts'
import {
  WebhookDeliveryRecord,
  WebhookEndpointRecord,
  WebhookLaneRecord,
  WebhookMessageRecord,
  WebhookReceivedRecord,
} from './webhook-record.ts'

/** What effects keep of themselves in the database: tables that come with Monobloc's version and are not logged. */
export const effectRecords: readonly AnyModel[] = [
  JobRecord,
  WorkerRecord,
  JobPauseRecord,
  JobUniqueRecord,
  JobLimitRecord,
  JobNeedRecord,
  ConsumerRecord,
  SkippedRecord,
  DeliveryRecord,
  ScheduleRecord,
  TickRecord,
  WebhookEndpointRecord,
  WebhookLaneRecord,
  WebhookMessageRecord,
  WebhookDeliveryRecord,
  WebhookReceivedRecord,
]
