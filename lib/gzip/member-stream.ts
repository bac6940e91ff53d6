// What compressors have in common: they take one member's plain bytes as these come, and give the whole member at its end.

import { OffsiteError } from '../base/errors.ts';

/** One gzip member under way. Plain bytes go in, in order; nothing of it may be used before {@link MemberStream.end}. */
export type MemberStream = {
  /**
   * Takes plain bytes; resolves when it does not need the chunk any more and may be given the next.
   *
   * @throws As {@link MemberStream.end}, if it is known by now.
   */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Ends the member.
   *
   * @returns The whole gzip member, in pieces.
   * @throws {@link OffsiteError} `PROGRAM_MISSING` or `DUMP_FAILED`, if the compressor failed.
   */
  end(): Promise<Buffer[]>;
  /** Gives the member up; resolves when nothing of it runs any more. Harmless after {@link MemberStream.end}. */
  abort(): Promise<void>;
};

/** What an operator may choose. */
export const compressors = ['auto', 'igzip', 'pigz', 'node', 'small'] as const;

/** A way to compress. */
export type Compressor = {
  /** As the manifest names it. */
  readonly name: string;
  /** Plain bytes of every member but the last; none may be given more. */
  readonly memberPlainBytes: number;
  /** The same, where fewer members are more than less memory to their readers; absent where its members have one length. */
  readonly longMemberPlainBytes?: number;
  open(): MemberStream;
};

/** The error of a compressor that did not do its work. */
export function compressorError(name: string, expected: string, found: string): OffsiteError {
  return new OffsiteError('DUMP_FAILED', `the compressor ${name} failed; nothing was stored`, {
    expected,
    found,
    hint: "run again with --compress node, which needs no other program; then look at the compressor's package",
  });
}
