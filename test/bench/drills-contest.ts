// The drills of the restore test at the benchmark's size: is each still caught, and by name, when the dump is a gigabyte?
// Each restores into a server of its own, from a real S3 server.

import { connectionFromEnvironment } from '../../lib/postgres/connection.ts';
import { startThrowawayPostgres } from '../../lib/postgres/throwaway.ts';
import { drills } from '../fixtures/drills/list.ts';
import {
  type Drill,
  type Drilled,
  originalFrom,
  runDrill,
  shortcomings,
} from '../fixtures/drills/run-drill.ts';
import { startLocalAws } from '../fixtures/local-aws.ts';
import type { Row } from './contest.ts';
import type { Setting } from './setting.ts';

type Trial = {
  readonly name: string;
  readonly forge: Drill['forge'];
  /** Why it did not end as it must; nothing, if it did. */
  readonly judge: (drilled: Drilled) => string[];
};

const trials: readonly Trial[] = [
  {
    name: 'not forged',
    forge: () => ({ edits: [] }),
    judge: ({ report }) => (report.outcome === 'passed' ? [] : [`it failed: ${report.failure.found}`]),
  },
  ...drills.map((drill) => ({ ...drill, judge: (drilled: Drilled) => shortcomings(drill, drilled) })),
];

/** Runs every drill once. */
export async function drillsContest(setting: Setting): Promise<Row[]> {
  const original = await originalFrom(connectionFromEnvironment(setting.env));
  const aws = await startLocalAws();
  const store = aws.store;
  const startServer = () => startThrowawayPostgres({ tuned: true, superuser: 'offsite_drill' });
  const rows: Row[] = [];
  let asTheyMust = 0;
  try {
    for (const [index, { name, forge, judge }] of trials.entries()) {
      const takenAt = new Date(Date.UTC(2026, 10, 22, 3, 15 + index));
      const began = performance.now();
      const drilled = await runDrill(forge, { original, store, startServer, takenAt });
      const seconds = (performance.now() - began) / 1000;
      const faults = judge(drilled);
      if (faults.length === 0) asTheyMust += 1;
      const note = faults.length === 0 ? outcomeOf(drilled) : `NOT AS IT MUST BE: ${faults.join('; ')}`;
      process.stderr.write(`  ${name}: ${note}, ${seconds.toFixed(1)} s\n`);
      rows.push({ contest: 'drills', what: name, value: seconds, unit: 's', note });
    }
  } finally {
    await aws.stop();
  }
  const target = { atLeast: trials.length };
  return [
    ...rows,
    {
      contest: 'drills',
      what: 'as they must be',
      value: asTheyMust,
      unit: 'drills',
      target,
      isPromise: true,
    },
  ];
}

function outcomeOf({ report }: Drilled): string {
  return report.outcome === 'passed' ? 'passed' : `caught: ${report.failure.code}`;
}
