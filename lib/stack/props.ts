// What a construct of offsite archives is told. The settings are those of the deployment (lib/deployment/deployment.ts), which
// checks them; API.md is made from these lines.

import type { RemovalPolicy } from 'aws-cdk-lib';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';

/** Texts and numbers may be tokens, the elements of `sources` too; what decides which resources there are may not. */
export interface OffsiteArchiveProps {
  /** Where reports and alerts are mailed. */
  readonly email: string;
  /**
   * Who else gets what is mailed: mail addresses, HTTPS webhooks, ARNs of SQS queues whose policy lets the topic send.
   * @default []
   */
  readonly alsoNotify?: string[] | undefined;
  /** Databases that archives are expected from: names of a-z, 0-9 and -. @default ["bitagent"] */
  readonly sources?: string[] | undefined;
  /** Days for which an archive is kept. @default 14 */
  readonly keepDays?: number | undefined;
  /** Intact archives that always stay, whatever their age. @default 7 */
  readonly keepIntact?: number | undefined;
  /** Of how many weeks the newest intact archive stays besides. @default 0 */
  readonly keepWeekly?: number | undefined;
  /** Of how many months. @default 0 */
  readonly keepMonthly?: number | undefined;
  /** Of how many years. @default 0 */
  readonly keepYearly?: number | undefined;
  /** How many of a hundred kept archives are read again in a night. @default 15 */
  readonly rereadPercent?: number | undefined;
  /**
   * Age of the newest intact archive, in hours, past which you are told and retention stands still.
   * @default 26
   */
  readonly freshnessHours?: number | undefined;
  /**
   * Age of the newest point in time that can be recovered, in minutes, past which you are told: of sources that ship their log. It is
   * measured each hour.
   * @default 60
   */
  readonly rpoMinutes?: number | undefined;
  /** Age of the last passed restore test, in days, past which you are told. @default 100 */
  readonly restoreTestDays?: number | undefined;
  /** Days for which what was expired or replaced can be brought back. @default 7 */
  readonly undoDays?: number | undefined;
  /** How the versions of the vault are locked for `keepDays`. @default "governance" */
  readonly objectLock?: 'governance' | 'compliance' | 'off' | undefined;
  /**
   * Whether the bucket was made before Object Lock was asked for: it is locked where it is, not replaced by a new one.
   * @default false
   */
  readonly lockExistingBucket?: boolean | undefined;
  /**
   * Name of a vault that an earlier stack left: it becomes this stack's, deployed once with `--import-existing-resources`.
   * @default a new bucket
   */
  readonly existingBucket?: string | undefined;
  /** With `encryption` kms: ARN of the key that an earlier stack left. @default a new key */
  readonly existingKey?: string | undefined;
  /**
   * Whether `cdk destroy` is refused until somebody allows it. Heeded by the stack of our own app; a stack of yours says it itself.
   * @default true
   */
  readonly terminationProtection?: boolean | undefined;
  /** US dollars a month that the account may cost before a mail says so. @default never */
  readonly budgetDollars?: number | undefined;
  /** Who has the key that the vault is encrypted with: S3, or this account's KMS. @default "s3" */
  readonly encryption?: 's3' | 'kms' | undefined;
  /** Age of an archive, in days, from which it lies in Glacier Instant Retrieval. @default never */
  readonly glacierAfterDays?: number | undefined;
  /** How the host that makes archives comes by its credentials. @default "policy" */
  readonly agentAccess?: 'policy' | 'user' | 'rolesAnywhere' | undefined;
  /**
   * Whose certificates are trusted with `rolesAnywhere`: a PEM file, or the ARN of a private CA of ACM.
   * @default none
   */
  readonly agentCa?: string | undefined;
  /** Whether the operator's role is for those only who gave a second factor. @default false */
  readonly operatorMfa?: boolean | undefined;
  /** Major version of the restore test's Postgres: that of the database, or newer. @default 16 */
  readonly postgresMajor?: number | undefined;
  /**
   * How the restore test reaches S3, SNS and ECR: with a public address, or by endpoints and without the internet.
   * @default "public"
   */
  readonly restoreTestNetwork?: 'public' | 'endpoints' | undefined;
  /**
   * Ids of the one or two availability zones that its network is in, as `use1-az2`. Another choice is another network.
   * @default two that AWS gives; where Fargate is not in every zone of the region, two of those that have it
   */
  readonly availabilityZones?: string[] | undefined;
  /**
   * Where the restore test's image is built: by Docker, where cdk runs, or by CodeBuild, in the account.
   * @default "local"
   */
  readonly build?: 'local' | 'cloud' | undefined;
  /**
   * What stands in CloudWatch: four alarms, or besides them figures of every source, alarms on those and a dashboard.
   * @default "lean"
   */
  readonly monitoring?: 'lean' | 'full' | undefined;
  /**
   * Where the restore test runs, in place of a network of its own: `restoreTestNetwork` and `availabilityZones` have no say
   * then. Its private subnets are taken, else its isolated, else its public ones, and they have to reach S3, SNS, ECR and
   * CloudWatch Logs: nothing is added to it.
   * @default a network of its own
   */
  readonly vpc?: IVpc | undefined;
  /**
   * Where reports and alerts are published. An imported one has to let `cloudwatch.amazonaws.com` publish by its own policy.
   * @default a new topic
   */
  readonly topic?: ITopic | undefined;
  /**
   * What becomes of the vault and its key when the stack is deleted. Whatever it is, S3 deletes no bucket that holds something.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy | undefined;
}
