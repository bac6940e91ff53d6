// What the operator chooses when deploying, and the environment by which the stack hands it to the programs that run
// in the cloud. One place for both sides, so that they cannot disagree.

import { z } from 'zod';
import { sourcePattern } from './archive.ts';

const days = z.coerce.number().int().positive();

/** Context keys of the CDK app (`cdk.json`, `-c key=value`); everything has a default but the mail address. */
export const deploymentSchema = z.strictObject({
  /** Where reports and alerts are mailed. */
  email: z.email(),
  /** Databases that archives are expected from. */
  sources: z
    .union([z.string().transform((text) => text.split(',').map((name) => name.trim())), z.array(z.string())])
    .pipe(z.array(z.string().regex(sourcePattern, 'a-z, 0-9 and - only')).min(1))
    .default(['bitagent']),
  keepDays: days.default(14),
  /** Intact archives that always stay, whatever their age. */
  keepIntact: z.coerce.number().int().min(1).default(3),
  /** Age of the newest intact archive, in hours, past which the operator is told and retention stands still. */
  freshnessHours: z.coerce.number().positive().default(26),
  /** Age of the last passed restore test, in days, past which the operator is told. */
  restoreTestDays: days.default(100),
});

export type Deployment = z.infer<typeof deploymentSchema>;

/** The environment of handlers and of the restore test. */
export const environmentNames = {
  bucket: 'OFFSITE_BUCKET',
  topicArn: 'OFFSITE_TOPIC_ARN',
  /** Comma-separated. */
  sources: 'OFFSITE_SOURCES',
  keepDays: 'OFFSITE_KEEP_DAYS',
  keepIntact: 'OFFSITE_KEEP_INTACT',
  freshnessHours: 'OFFSITE_FRESHNESS_HOURS',
  restoreTestDays: 'OFFSITE_RESTORE_TEST_DAYS',
  clusterArn: 'OFFSITE_CLUSTER_ARN',
  taskDefinitionArn: 'OFFSITE_TASK_DEFINITION_ARN',
  containerName: 'OFFSITE_CONTAINER_NAME',
  /** Comma-separated. */
  subnetIds: 'OFFSITE_SUBNET_IDS',
  securityGroupId: 'OFFSITE_SECURITY_GROUP_ID',
  /** Set by the launcher on the container: which archive to restore. */
  archiveId: 'OFFSITE_ARCHIVE_ID',
} as const;
