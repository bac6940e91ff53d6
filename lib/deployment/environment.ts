// How the stack hands to the programs that run in the cloud what they have to know. One place for both sides, so that they
// cannot disagree.

/** The environment of handlers and of the restore test. */
export const environmentNames = {
  /** What these archives are called in CloudWatch: two of them in one account must not be taken for each other. */
  service: 'OFFSITE_SERVICE',
  /** `full`: handlers write figures for CloudWatch. */
  monitoring: 'OFFSITE_MONITORING',
  bucket: 'OFFSITE_BUCKET',
  topicArn: 'OFFSITE_TOPIC_ARN',
  /** Who is to get the mails, comma-separated. */
  recipients: 'OFFSITE_RECIPIENTS',
  /** The function that mails what is handed to it. */
  reportArn: 'OFFSITE_REPORT_ARN',
  /** The state machine that reads large archives. */
  rangesArn: 'OFFSITE_RANGES_ARN',
  /** Comma-separated. */
  sources: 'OFFSITE_SOURCES',
  keepDays: 'OFFSITE_KEEP_DAYS',
  keepIntact: 'OFFSITE_KEEP_INTACT',
  keepWeekly: 'OFFSITE_KEEP_WEEKLY',
  keepMonthly: 'OFFSITE_KEEP_MONTHLY',
  keepYearly: 'OFFSITE_KEEP_YEARLY',
  rereadPercent: 'OFFSITE_REREAD_PERCENT',
  /** `GOVERNANCE`, `COMPLIANCE` or `OFF`. */
  lockMode: 'OFFSITE_LOCK_MODE',
  freshnessHours: 'OFFSITE_FRESHNESS_HOURS',
  rpoMinutes: 'OFFSITE_RPO_MINUTES',
  restoreTestDays: 'OFFSITE_RESTORE_TEST_DAYS',
  clusterArn: 'OFFSITE_CLUSTER_ARN',
  taskDefinitionArn: 'OFFSITE_TASK_DEFINITION_ARN',
  /** Of the task that a volume is attached to. */
  volumeTaskDefinitionArn: 'OFFSITE_VOLUME_TASK_DEFINITION_ARN',
  /** By which ECS makes, attaches and deletes that volume. */
  volumeRoleArn: 'OFFSITE_VOLUME_ROLE_ARN',
  /** Of the task that judges a base backup. */
  verifyTaskDefinitionArn: 'OFFSITE_VERIFY_TASK_DEFINITION_ARN',
  /** Comma-separated. */
  subnetIds: 'OFFSITE_SUBNET_IDS',
  securityGroupId: 'OFFSITE_SECURITY_GROUP_ID',
  /** `ENABLED` or `DISABLED`. */
  assignPublicIp: 'OFFSITE_ASSIGN_PUBLIC_IP',
  /** Set by the launcher on the container: which archive to restore, or which base backup to judge. */
  archiveId: 'OFFSITE_ARCHIVE_ID',
  /** And what it is charged for beyond what Fargate tells it, as JSON. */
  surcharges: 'OFFSITE_SURCHARGES',
  /** Why a base backup is judged. */
  occasion: 'OFFSITE_OCCASION',
} as const;

/** What says which archives stay, and how many are read again. */
export const keeping = [
  'keepDays',
  'keepIntact',
  'keepWeekly',
  'keepMonthly',
  'keepYearly',
  'rereadPercent',
] as const;

/** The restore test's container, by which its task is told from what others put beside it. */
export const restoreTestContainer = 'restore-test';

/** The container of the same image that judges a base backup which is too large for a function. */
export const verifyContainer = 'verify-base-backup';

/** The one place that either may write to. */
export const scratch = { volumeName: 'scratch', path: '/scratch' } as const;

/** How long CodeBuild may build the restore test's image: a function, which has a quarter of an hour, waits for it. */
export const imageBuild = { minutes: 13 } as const;
