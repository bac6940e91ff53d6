// What those who re-read archives may do, whole or in ranges.

import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  archiveSuffix,
  archivesPrefix,
  faultsPrefix,
  rangesPrefix,
  verdictsPrefix,
} from '../../archive/names.ts';
import { sidecarsPrefix, sidecarVerdictsPrefix } from '../../sidecar/names.ts';
import { proofs, type Reach } from './identities.ts';
import { allow, decrypt, encrypt, get, list, publish, put, useKey } from './statements.ts';

export function verifyPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(
      bucket,
      `${archivesPrefix}*`,
      `${sidecarsPrefix}*`,
      ...proofs,
      `${sidecarVerdictsPrefix}*`,
      `${faultsPrefix}*`,
    ),
    // By version id, so that a verdict speaks of the very bytes that were read.
    allow(
      ['s3:GetObjectVersion'],
      [bucket.arnForObjects(`${archivesPrefix}*`), bucket.arnForObjects(`${sidecarsPrefix}*`)],
    ),
    put(bucket, `${verdictsPrefix}*`, `${sidecarVerdictsPrefix}*`, `${faultsPrefix}*`),
    ...useKey(key, decrypt, encrypt),
    publish(topic),
  ];
}

/** The verifier may also let ranges be read; what reads and joins them is another program with a role of its own. */
export function startPermissions(stateMachineArn: string, executionsArn: string): PolicyStatement[] {
  return [
    allow(['states:StartExecution'], [stateMachineArn]),
    allow(['states:DescribeExecution', 'states:RedriveExecution'], [executionsArn]),
  ];
}

export function readRangePermissions({ bucket, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${archivesPrefix}*`, `${rangesPrefix}*`),
    allow(['s3:GetObjectVersion'], [bucket.arnForObjects(`${archivesPrefix}*${archiveSuffix}`)]),
    put(bucket, `${rangesPrefix}*`),
    ...useKey(key, decrypt, encrypt),
  ];
}

export function joinRangesPermissions({ bucket, topic, key }: Reach): PolicyStatement[] {
  return [
    list(bucket),
    get(bucket, `${archivesPrefix}*`, ...proofs, `${rangesPrefix}*`, `${faultsPrefix}*`),
    // To see whether a verdict speaks of the version that is there.
    allow(['s3:GetObjectVersion'], [bucket.arnForObjects(`${archivesPrefix}*${archiveSuffix}`)]),
    put(bucket, `${verdictsPrefix}*`, `${rangesPrefix}*`, `${faultsPrefix}*`),
    ...useKey(key, decrypt, encrypt),
    publish(topic),
  ];
}
