// The figures that the handlers write and that alarms and dashboard read where `monitoring` is `full`: one list for both, so
// that neither speaks of a figure that the other does not know. Alarms read those of no source, the worst of all sources:
// there are as many alarms for a thousand sources as for one.

export const metricNamespace = 'Offsite';

/** Name and CloudWatch unit of each figure. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html */
export const metrics = {
  /** Hourly: age of the newest intact archive; while there is none, the time since the source is watched. The worst, too. */
  newestIntactAge: { name: 'NewestIntactAgeHours', unit: 'None' },
  /** Hourly: likewise of the newest passed restore test. The worst, too. */
  restoreTestAge: { name: 'RestoreTestAgeHours', unit: 'None' },
  /** Hourly, of sources that ship their log: age of the newest point that can be recovered, the measured RPO. The worst, too. */
  newestPointAge: { name: 'NewestPointAgeHours', unit: 'None' },
  /** Hourly: segments of the log that lack, or are damaged; none: daily. The most of any source, too. */
  segmentsLacking: { name: 'SegmentsLacking', unit: 'Count' },
  /** Daily: how long the newest passed restore test took: the measured RTO. */
  restoreTestDuration: { name: 'RestoreTestDuration', unit: 'Seconds' },
  /** Hourly 1 while the newest restore test is one that failed, else daily 0. */
  restoreTestFailed: { name: 'RestoreTestFailed', unit: 'Count' },
  /** Hourly: archives newer than the newest intact one that are damaged, incomplete or missing; none: daily. */
  archivesNotIntact: { name: 'ArchivesNotIntact', unit: 'Count' },
  /** Hourly: archives newer than the newest intact one that are suspicious and not accepted; none: daily. */
  archivesSuspicious: { name: 'ArchivesSuspicious', unit: 'Count' },
  /** Daily: 1 while nothing is expired although something is old enough, else 0. The worst, too. */
  retentionStandsStill: { name: 'RetentionStandsStill', unit: 'Count' },
  /** Daily: archives that stay. */
  archivesKept: { name: 'ArchivesKept', unit: 'Count' },
  /** Daily: archives that went. */
  archivesExpired: { name: 'ArchivesExpired', unit: 'Count' },
  /** Of each archive that is verified. */
  plainBytes: { name: 'PlainBytes', unit: 'Bytes' },
  compressedBytes: { name: 'CompressedBytes', unit: 'Bytes' },
  rows: { name: 'Rows', unit: 'Count' },
  torrents: { name: 'Torrents', unit: 'Count' },
  verifyDuration: { name: 'VerifyDuration', unit: 'Milliseconds' },
  /** Of each archive that is verified: one of them is 1, the others are 0. */
  intact: { name: 'VerdictIntact', unit: 'Count' },
  damaged: { name: 'VerdictDamaged', unit: 'Count' },
  incomplete: { name: 'VerdictIncomplete', unit: 'Count' },
  suspicious: { name: 'VerdictSuspicious', unit: 'Count' },
  missing: { name: 'VerdictMissing', unit: 'Count' },
  /** Who gets the mails: hourly 0 while nobody does, else daily. Of no source. */
  recipientsConfirmed: { name: 'RecipientsConfirmed', unit: 'Count' },
  /** Restore tests that could not begin, or ended without a report. Of no source. */
  restoreTestsLost: { name: 'RestoreTestsLost', unit: 'Count' },
} as const satisfies Record<
  string,
  { name: string; unit: 'None' | 'Count' | 'Bytes' | 'Seconds' | 'Milliseconds' }
>;

export type MetricId = keyof typeof metrics;

/**
 * The dimensions of a figure.
 *
 * @param service - As `OFFSITE_SERVICE` hands it to the handlers.
 * @param source - Left out, the figure is one that belongs to none, or the worst of all sources.
 */
export function metricDimensions(service: string, source?: string): Record<string, string> {
  return source === undefined ? { service } : { service, source };
}
