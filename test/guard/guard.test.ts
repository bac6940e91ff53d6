// What is in a guard's way: a mail server that is down or refuses, another guard, a killed one, clocks that differ, a step that
// fails. At moto, with a real mail server and a real webhook.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CreateBucketCommand, PutObjectLockConfigurationCommand } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { extendLockOf } from '../../bin/commands/guarded.ts';
import { archiveKeys, parseArchiveId } from '../../lib/archive/names.ts';
import { OffsiteError } from '../../lib/base/errors.ts';
import { assertClocksAgree } from '../../lib/guard/clocks.ts';
import { assertMayLook } from '../../lib/guard/independence.ts';
import { takeLock } from '../../lib/guard/lock.ts';
import { createMailbox } from '../../lib/guard/mailbox.ts';
import { tellOfNoRun } from '../../lib/guard/untold.ts';
import { createSmtp } from '../../lib/mail/smtp.ts';
import type { Settings } from '../../lib/settings/config.ts';
import { guardSchema } from '../../lib/settings/guard.ts';
import { storeError } from '../../lib/store/errors.ts';
import { createS3Store } from '../../lib/store/s3.ts';
import { patienceOf } from '../../lib/store/session.ts';
import type { ArchiveStore } from '../../lib/store/store.ts';
import { archiveOf, smallDump } from '../fixtures/archives.ts';
import { storeBaseBackup } from '../fixtures/base-backup.ts';
import { type Guarding, silent, startGuarding } from '../fixtures/guarding.ts';
import { type MailServer, startMailServer } from '../fixtures/mail-server.ts';
import { hasMoto, type Moto, startMoto } from '../fixtures/moto.ts';
import { anotherClient } from '../fixtures/vault.ts';
import { type Receiver, startReceiver } from '../fixtures/web-receiver.ts';

if (!hasMoto) console.warn('SKIPPED: moto_server is not on the PATH, so nothing is in the way of a guard');

const mail = { subject: '[offsite] DAMAGED archive: x', text: 'It is – damaged.\n' };
const now = () => new Date();

/** Takes what it is told to and then says nothing more; or never anything but the beginning of a line. */
async function startMuteServer(stage: string) {
  const sockets: Socket[] = [];
  const answers: Record<string, string> = { EHLO: '250 x', MAIL: '250 x', RCPT: '250 x', DATA: '354 x' };
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    if (stage === 'a word now and then') {
      const dripping = setInterval(() => socket.write('220-x\r\n'), 50).unref();
      socket.on('close', () => clearInterval(dripping));
    }
    if (stage === 'connect') return;
    if (stage !== 'a word now and then') socket.write('220 x\r\n');
    createInterface(socket).on('line', (line) => {
      const [word = ''] = line.split(/[ :]/);
      if (word !== stage && answers[word] !== undefined) socket.write(`${answers[word]}\r\n`);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => sockets.length,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe.skipIf(!hasMoto)('a guard', () => {
  const before = { ...process.env };
  let moto: Moto;
  let store: ArchiveStore;
  let smtp: MailServer;
  let web: Receiver;

  beforeAll(async () => {
    moto = await startMoto();
    Object.assign(process.env, moto.env);
    const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' } as const;
    await anotherClient().send(new CreateBucketCommand({ Bucket: 'vault', CreateBucketConfiguration }));
    store = createS3Store({ bucket: 'vault' });
    smtp = await startMailServer();
    web = await startReceiver();
  });
  beforeEach(() => {
    smtp.refuse();
    smtp.setBusy(false);
    smtp.mails.length = 0;
    web.answer(200);
  });
  afterAll(async () => {
    process.env = before;
    await Promise.all([smtp.stop(), web.stop(), moto.stop()]);
  });

  const keysBelow = async (prefix: string) => {
    const keys: string[] = [];
    for await (const { key } of store.list(prefix)) keys.push(key);
    return keys;
  };

  describe('tells', () => {
    const mailboxAt = (url: string | undefined, receivers = {}, to = ['op@example.com']) => {
      const warnings: string[] = [];
      return {
        warnings,
        ...createMailbox({
          store,
          smtp: url === undefined ? undefined : createSmtp({ url, from: 'guard@example.com', to }),
          receivers,
          now,
          warn: (sentence) => void warnings.push(sentence),
        }),
      };
    };

    it('by SMTP, and by every other way that is set', async () => {
      const box = mailboxAt(smtp.url, { webhookUrl: web.url, ntfyUrl: `${web.url}/topic` });
      await box.sendMail(mail);
      expect(smtp.mails).toEqual([{ to: ['op@example.com'], ...mail }]);
      expect(web.received.map(({ path }) => path).sort()).toEqual(['/', '/topic']);
      expect(web.received.find(({ path }) => path === '/')?.body).toContain(mail.subject);
      expect(box.trouble()).toBeUndefined();
    });

    it('a server that is down: kept in the vault, told otherwise, and sent when it is back', async () => {
      const { port } = new URL(smtp.url);
      await smtp.stop();
      const box = mailboxAt(smtp.url, { webhookUrl: web.url });
      await box.sendMail(mail);
      await box.sendMail({ ...mail, subject: 'another' });
      expect(web.received).toHaveLength(2);
      expect(box.trouble()).toMatchObject({
        code: 'MAIL_REFUSED',
        found: expect.stringContaining('ECONNREFUSED'),
      });
      expect(await keysBelow('watch/mails/')).toHaveLength(2);
      const meanwhile = mailboxAt(smtp.url);
      await meanwhile.sendKept();
      expect(meanwhile.trouble()).toMatchObject({ code: 'MAIL_REFUSED' });
      smtp = await startMailServer({ port: Number(port) });
      const later = mailboxAt(smtp.url);
      await later.sendKept();
      expect(smtp.mails.map(({ subject }) => subject)).toEqual([mail.subject, 'another']);
      expect(smtp.mails[0]?.text).toMatch(/it was not taken until now\.\n\nIt is – damaged\.\n$/);
      expect(await keysBelow('watch/mails/')).toEqual([]);
      expect(later.trouble()).toBeUndefined();
    });

    it('a server that refuses one mail: the others go out, and that one is kept', async () => {
      const box = mailboxAt(smtp.url);
      smtp.refuse('message looks like spam');
      await box.sendMail(mail);
      expect(box.trouble()).toMatchObject({ found: expect.stringContaining('looks like spam') });
      smtp.refuse();
      await box.sendMail({ ...mail, subject: 'another' });
      expect(smtp.mails.map(({ subject }) => subject)).toEqual(['another']);
      await mailboxAt(smtp.url).sendKept();
      expect(await keysBelow('watch/mails/')).toEqual([]);
    });

    it('an address that is refused keeps the mail from nobody else, and comes once', async () => {
      const box = mailboxAt(smtp.url, {}, ['nobody@example.com', 'op@example.com']);
      await box.sendMail(mail);
      expect(smtp.mails).toEqual([{ to: ['op@example.com'], ...mail }]);
      expect(box.trouble()).toMatchObject({ found: expect.stringContaining('nobody@example.com') });
      expect(await keysBelow('watch/mails/')).toEqual([]);
    });

    it('an address that is refused for now has its mail with the next run, and nobody has it twice', async () => {
      const to = ['later@example.com', 'op@example.com'];
      smtp.setBusy(true);
      const box = mailboxAt(smtp.url, {}, to);
      await box.sendMail(mail);
      await mailboxAt(smtp.url, {}, to).sendKept();
      smtp.setBusy(false);
      await mailboxAt(smtp.url, {}, to).sendKept();
      expect(smtp.mails.map((one) => one.to)).toEqual([['op@example.com'], ['later@example.com']]);
      expect(smtp.mails[1]?.text).toContain('it was not taken until now');
      expect(box.trouble()).toBeUndefined();
      expect(await keysBelow('watch/mails/')).toEqual([]);
    });

    it.each(['connect', 'EHLO', 'DATA', '.', 'a word now and then'])(
      'a server that hangs after %s is given up, for all mails of the run; the others are told',
      async (stage) => {
        const mute = await startMuteServer(stage);
        const warnings: string[] = [];
        const patience = { greetingMs: 300, silenceMs: 300, mailMs: 900 };
        const box = createMailbox({
          store,
          smtp: createSmtp({ url: mute.url, from: 'guard@example.com', to: ['op@example.com'], patience }),
          receivers: { webhookUrl: web.url },
          now,
          warn: (sentence) => void warnings.push(sentence),
        });
        try {
          const before = web.received.length;
          for (const subject of ['one', 'two']) await box.sendMail({ ...mail, subject });
          expect(mute.connections()).toBe(1);
          expect(web.received.slice(before).map(({ body }) => JSON.parse(body).title)).toEqual([
            'one',
            'two',
          ]);
          expect(box.trouble()).toMatchObject({ code: 'MAIL_REFUSED' });
          await mailboxAt(smtp.url).sendKept();
          expect(smtp.mails.map(({ subject }) => subject)).toEqual(['one', 'two']);
        } finally {
          mute.stop();
        }
      },
    );

    it('without SMTP, by the others; where nobody takes it, it is kept', async () => {
      const box = mailboxAt(undefined, { webhookUrl: web.url });
      await box.sendMail(mail);
      expect(box.trouble()).toBeUndefined();
      web.answer(404);
      await box.sendMail(mail);
      expect(box.trouble()).toMatchObject({ code: 'MAIL_REFUSED' });
      web.answer(200);
      await mailboxAt(undefined, { webhookUrl: web.url }).sendKept();
      expect(await keysBelow('watch/mails/')).toEqual([]);
    });

    it('why a server did not take it, with what to look at; the mail is kept', async () => {
      const untrusted = await startMailServer({ offersTls: true });
      smtp.setBusy(true);
      try {
        for (const [url, to, hint] of [
          [untrusted.url, 'op@example.com', /NODE_EXTRA_CA_CERTS=.*--check/],
          [smtp.url, 'nobody@example.com', /OFFSITE_EMAIL.*--check/],
          [smtp.url, 'later@example.com', /for now.*the next run of the guard sends it/],
          [smtp.url.replace('smtp:', 'smtps:'), 'op@example.com', /say smtp:\/\/ in smtpUrl/],
          ['smtp://127.0.0.1:1', 'op@example.com', /host and port in smtpUrl.*--check/],
        ] as const) {
          const box = mailboxAt(url, {}, [to]);
          await box.sendMail(mail);
          const hinted = expect.stringMatching(hint);
          expect(box.trouble()).toMatchObject({ hint: hinted, safe: expect.stringContaining('next run') });
        }
        expect(await keysBelow('watch/mails/')).toHaveLength(5);
        await mailboxAt(smtp.url).sendKept();
      } finally {
        await untrusted.stop();
      }
    });

    it('a password that is wrong, without repeating it', async () => {
      const strict = await startMailServer({ login: { user: 'guard', pass: 'right' } });
      try {
        const url = strict.url.replace('right', 'wrong-word');
        const error = await createSmtp({ url, from: 'g@example.com', to: ['op@example.com'] })
          .probe()
          .catch((thrown: OffsiteError) => thrown);
        expect(error).toMatchObject({
          code: 'MAIL_REFUSED',
          hint: expect.stringContaining('user and password'),
        });
        expect(JSON.stringify(error)).not.toContain('wrong-word');
      } finally {
        await strict.stop();
      }
    });
  });

  describe('is one at a time', () => {
    const later = () => new Date(Date.now() + 16 * 60_000);

    it('of many that begin at once, one begins', async () => {
      const taking = await Promise.allSettled(
        Array.from({ length: 5 }, () => takeLock(store, now, () => {})),
      );
      const taken = taking.filter((one) => one.status === 'fulfilled');
      expect(taken).toHaveLength(1);
      for (const one of taking)
        if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'GUARD_RUNS' });
      await taken[0]?.value.release();
      await (await takeLock(store, now, () => {})).release();
    });

    it('the lock of one that was killed ends by itself', async () => {
      await takeLock(store, now, () => {});
      await expect(takeLock(store, now, () => {})).rejects.toMatchObject({ code: 'GUARD_RUNS' });
      const keep = async () => {
        throw new Error('may not delete');
      };
      const said: string[] = [];
      const warn = (sentence: string) => said.push(sentence);
      await (await takeLock({ ...store, delete: keep }, later, warn)).release();
      expect(said).toEqual(['may not delete']);
      await (await takeLock(store, now, warn)).release();
      expect(await keysBelow('watch/guard/')).toHaveLength(1);
    });

    it('the lock of one that was killed on this machine is free at once', async () => {
      const [s3, lock] = ['store/s3', 'guard/lock'].map(
        (name) => new URL(`../../lib/${name}.ts`, import.meta.url),
      );
      const script = `
        const { createS3Store } = await import(${JSON.stringify(s3)});
        const { takeLock } = await import(${JSON.stringify(lock)});
        await takeLock(createS3Store({ bucket: 'vault' }), () => new Date(), () => {});
        console.log('held');
        setInterval(() => {}, 1000);`;
      const guard = execa(process.execPath, ['--input-type=module', '-e', script], { reject: false });
      await once(guard.stdout, 'data');
      await expect(takeLock(store, now, () => {})).rejects.toMatchObject({ code: 'GUARD_RUNS' });
      guard.kill('SIGKILL');
      await guard;
      await (await takeLock(store, now, () => {})).release();
    });
  });

  it('extends the locks that the bucket has, or the settings say, and no others', async () => {
    const client = anotherClient();
    const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' } as const;
    const Bucket = 'locking';
    await client.send(
      new CreateBucketCommand({ Bucket, CreateBucketConfiguration, ObjectLockEnabledForBucket: true }),
    );
    const extending = async (bucket: string, objectLock?: 'off' | 'compliance') =>
      (await extendLockOf({ bucket } as Settings, guardSchema.parse({ objectLock }))) !== undefined;
    expect(await extending('vault')).toBe(false);
    expect(await extending('vault', 'compliance')).toBe(true);
    expect(await extending(Bucket)).toBe(false);
    const DefaultRetention = { Mode: 'GOVERNANCE', Days: 14 } as const;
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention } } as const;
    await client.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    expect(await extending(Bucket)).toBe(true);
    expect(await extending(Bucket, 'off')).toBe(false);
  });

  describe('goes on', () => {
    let guarding: Guarding;
    beforeAll(() => {
      guarding = startGuarding({ store, bucket: 'vault', smtp });
    });

    it('when a step fails, tells of it once a day, and says so at its end', async () => {
      const broken: ArchiveStore = {
        ...store,
        folders: async (prefix) => {
          if (prefix === 'verdicts/') throw storeError(new Error('a disk is broken'), 'listing');
          return store.folders(prefix);
        },
      };
      const { mails, failure } = await guarding.run({ store: broken });
      expect(failure).toMatchObject({ code: 'STORE_FAILED' });
      expect(mails.map(({ subject }) => subject)).toEqual(['[offsite] The guard FAILED at: expire']);
      expect((await guarding.run({ store: broken })).mails).toEqual([]);
      expect((await guarding.run()).failure).toBeUndefined();
    });

    it('when a verdict cannot be written: that is told, and the next run writes it', async () => {
      const { id } = await archiveOf(store, 'bitagent', new Date(), smallDump(20));
      const full: ArchiveStore = {
        ...store,
        write: async (key, text) => {
          if (key.startsWith('verdicts/')) throw storeError(new Error('no room'), 'writing a verdict');
          return store.write(key, text);
        },
      };
      const { mails, failure } = await guarding.run({ store: full });
      expect(failure).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining(id) });
      expect(mails[0]?.subject).toBe('[offsite] The guard FAILED at: verify');
      expect(mails[0]?.text).toContain(id);
      expect(await keysBelow('verdicts/')).toEqual([]);
      expect((await guarding.run()).failure).toBeUndefined();
      expect(await keysBelow('verdicts/')).toHaveLength(1);
    });

    it('when one kind is refused: the others are judged and watched, and the key is told of', async () => {
      await store.write('sidecars/other/readme', 'x');
      const { id } = await storeBaseBackup(store, { source: 'based', takenAt: now(), segment: 2 });
      const denied = Object.assign(new Error('no'), { name: 'AccessDenied' });
      const refuse = (prefix: string) => {
        if (prefix.startsWith('sidecars/')) throw storeError(denied, `listing ${prefix}`);
      };
      const partly: ArchiveStore = {
        ...store,
        async folders(prefix) {
          refuse(prefix);
          return store.folders(prefix);
        },
        async *list(prefix, after) {
          refuse(prefix);
          yield* store.list(prefix, after);
        },
      };
      const judged: string[] = [];
      const watched: string[] = [];
      const seen = {
        ...silent,
        onVerdict: (one: { id: string }) => judged.push(one.id),
        onSighting: ({ source }: { source: string }) => watched.push(source),
      };
      const { mails, failure } = await guarding.run({ store: partly, seen });
      expect(failure).toMatchObject({
        code: 'CREDENTIALS_REFUSED',
        found: expect.stringContaining('AccessDenied'),
      });
      expect([judged, watched]).toEqual([[id], ['bitagent']]);
      expect(mails.map(({ subject }) => subject)).toEqual([
        '[offsite] The guard FAILED at: verify',
        '[offsite] The guard FAILED at: watch',
      ]);
    });

    it('when one archive cannot be brought; but not when the store is gone in the middle, for which it does not wait again', async () => {
      const { id } = await archiveOf(store, 'bitagent', now(), smallDump(20));
      const refusal = () => storeError(Object.assign(new Error('no'), { code: 'ECONNRESET' }), 'reading');
      const stuck: ArchiveStore = { ...store, open: () => Promise.reject(refusal()) };
      const watched: string[] = [];
      const seen = { ...silent, onSighting: ({ source }: { source: string }) => watched.push(source) };
      const { failure } = await guarding.run({ store: stuck, seen });
      expect(failure).toMatchObject({ code: 'STORE_UNREACHABLE', message: expect.stringContaining(id) });
      expect(watched).toEqual(['bitagent']);
      let asked = 0;
      const gone = () => {
        asked += 1;
        return Promise.reject(refusal());
      };
      const leaving: ArchiveStore = {
        ...stuck,
        folders: (prefix) => (asked > 0 ? gone() : store.folders(prefix)),
        open: gone,
        write: gone,
        readText: gone,
      };
      smtp.mails.length = 0;
      await expect(guarding.run({ store: leaving })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
      expect(asked).toBeLessThan(6);
      expect(smtp.mails).toEqual([]);
      await store.delete(archiveKeys(parseArchiveId(id)).manifest);
      await store.delete(archiveKeys(parseArchiveId(id)).archive);
    });

    it('not without the store, of which it tells by mail; where that is down too, it says that nobody knows', async () => {
      const away = createS3Store({
        bucket: 'vault',
        endpoint: 'http://127.0.0.1:1',
        patience: patienceOf(0),
      });
      const error = await guarding.run({ store: away }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'STORE_UNREACHABLE' });
      const tellBy = (url: string) => {
        const to = ['op@example.com'];
        const box = createMailbox({
          store: away,
          smtp: createSmtp({ url, from: 'guard@example.com', to }),
          receivers: {},
          now,
          warn: () => {},
        });
        return tellOfNoRun(error, box.sendMail, now());
      };
      const state = mkdtempSync(join(tmpdir(), 'offsite-guard-'));
      vi.stubEnv('XDG_STATE_HOME', state);
      try {
        expect(await tellBy('smtp://127.0.0.1:1')).toMatch(/^nobody could be told: /);
        vi.stubEnv('XDG_STATE_HOME', import.meta.filename);
        expect(await tellBy(smtp.url)).toMatch(/^you were told, and are again by each run: /);
        smtp.mails.length = 0;
        vi.stubEnv('XDG_STATE_HOME', state);
        expect(await tellBy(smtp.url)).toBeUndefined();
        expect(smtp.mails.map(({ subject }) => subject)).toEqual(['[offsite] THE GUARD DOES NOT RUN']);
        expect(await tellBy(smtp.url)).toBeUndefined();
        expect(smtp.mails).toHaveLength(1);
      } finally {
        vi.unstubAllEnvs();
        rmSync(state, { recursive: true });
      }
    });

    it('without expiring or testing anything while its clock and the store’s are far apart, due or not', async () => {
      const ahead = { ...store, clockAheadMs: () => 2 * 3_600_000 };
      const { mails, failure } = await guarding.nextNight({ store: ahead });
      expect(failure).toMatchObject({ code: 'CLOCKS_DIFFER' });
      expect(mails[0]?.text).toContain('2 h 0 min ahead');
      expect(() => assertClocksAgree(-3_700_000)).toThrow('nothing is expired');
      assertClocksAgree(undefined);
      // It stays due, also where it never ran, and is told of once a day.
      const again = await guarding.run({ store: ahead });
      expect(again).toMatchObject({ mails: [], failure: { code: 'CLOCKS_DIFFER' } });
      // By one that is behind, nothing ever is.
      await guarding.run();
      const behind = { ...store, clockAheadMs: () => -366 * 86_400_000 };
      const findServer = vi.fn();
      const late = await guarding.run({
        ...{ store: behind, wantsTest: true, findServer },
        now: () => new Date(Date.now() - 366 * 86_400_000),
      });
      expect(late).toMatchObject({ failure: { code: 'CLOCKS_DIFFER' } });
      expect(late.mails.map(({ subject }) => subject)).toContain('[offsite] The guard FAILED at: clocks');
      expect(findServer).not.toHaveBeenCalled();
    });

    it('where somebody keeps other things, which are no source, no lock and no request', async () => {
      const keys = ['photos/a.jpg', 'archives/My Photos/a.jpg', 'basebackups/Ü/x', 'due/readme.txt'];
      const inOurs = ['due/My Photos/wal/7/x.json', 'watch/guard/readme.txt', 'watch/mails/readme.txt'];
      for (const key of [...keys, ...inOurs]) await store.write(key, 'hello');
      const month = { now: () => new Date(Date.now() + 30 * 86_400_000) };
      const { mails, failure } = await guarding.nextNight(month);
      expect(mails.map(({ subject }) => subject).filter((one) => /My|readme/.test(one))).toEqual([]);
      expect(mails.map(({ subject }) => subject)).toContain('[offsite] NOT OF A BACK-UP: 2 strange objects');
      expect(failure).toMatchObject({ message: 'no restore test is played here' });
      for (const key of [...keys, ...inOurs]) expect(await store.readText(key)).toBeDefined();
    });

    it('not with credentials that may only create', async () => {
      const denied = Object.assign(new Error('no'), {
        name: 'AccessDenied',
        $metadata: { httpStatusCode: 403 },
      });
      const folders = () => Promise.reject(storeError(denied, 'listing'));
      await expect(assertMayLook({ folders }, 'archives/')).rejects.toMatchObject({
        code: 'GUARD_DEPENDENT',
        message: expect.stringContaining("an agent's"),
      });
      const other = () =>
        Promise.reject(new OffsiteError('STORE_UNREACHABLE', 'm', { expected: '', found: '', hint: '' }));
      await expect(assertMayLook({ folders: other }, 'archives/')).rejects.toMatchObject({
        code: 'STORE_UNREACHABLE',
      });
    });
  });
});
