// Who keeps the promise on the stage: the deployed stack, or a guard on a machine of its own. The scenes are the same, and so is
// what they expect; each tells in its own words how it came to it.

import type { Mail } from '../../mail/mail.ts';
import type { RetentionPlan } from '../../retention/plan.ts';
import type { Sighting } from '../../retention/watch.ts';
import type { Database, Stage } from './stage.ts';
import type { Scene } from './story.ts';

/** What a keeper answers of an archive. */
export type Judgement = { readonly id: string; readonly verdict: string; readonly isNew: boolean };

export type Keeper = {
  /** Days that every archive stays. */
  readonly keepDays: number;
  /** What the operator has in his mailbox, oldest first. */
  mails(): Promise<readonly Mail[]>;
  /** Judges what has come since it was asked last. */
  verify(scene: Scene): Promise<Judgement[]>;
  /** Is asked for the same archive once more. */
  verifyAgain(scene: Scene, id: string): Promise<Judgement>;
  /** Says what would go, and touches nothing. */
  planExpiry(scene: Scene): Promise<readonly RetentionPlan[]>;
  expire(scene: Scene): Promise<void>;
  /** Runs the restore test, which is due, to its end. */
  restoreTest(scene: Scene, id: string): Promise<void>;
  watch(scene: Scene): Promise<readonly Pick<Sighting, WatchedFigure>[]>;
  /** A night later: retention, and what it asks to be read again. */
  nextNight(scene: Scene): Promise<void>;
};

/** What every scene has from the first archive on. */
export type Night = {
  readonly stage: Stage;
  readonly database: Database;
  readonly keeper: Keeper;
  /** Of the archive. */
  readonly id: string;
  /** As many as the database has, and so the archive. */
  readonly torrents: number;
};

type WatchedFigure = 'told' | 'newestIntactId' | 'newestIntactAgeHours' | 'restoreTestAgeHours';
