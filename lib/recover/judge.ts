// What answers of BitAgent prove, and what to do where they prove nothing.

import { exitCodes } from '../base/errors.ts';
import { formatCount } from '../base/quantities.ts';
import { type Check, failed, passed, warned } from '../doctor/diagnosis.ts';
import { faultOfCaps, looksLikePage } from './caps.ts';

/** What came of asking an address. */
export type Answer =
  | {
      readonly status: number;
      /** Where a redirect leads to. */
      readonly location: string | undefined;
      /** The beginning of it. */
      readonly text: string;
      /** Whether there was more of it than anything that is looked at has. */
      readonly isCut: boolean;
    }
  | {
      /** Why there is no answer. */
      readonly fault: string;
      /** What to do, where the fault itself tells. */
      readonly advice?: string;
    };

type Found = { readonly found: string; readonly advice: string };

const seeLogs = "look at what BitAgent says: docker logs, or 'docker compose logs' with its service";
const giveKey = 'give the key that BitAgent has (TORZNAB_API_KEY) in BITAGENT_API_KEY';

/** `/healthz`: 200, and not somebody else's web page. */
export function judgeHealth(answer: Answer, at: string): Check {
  const fault = faultOf(answer, 'name the address of the API: --app-url URL');
  if (fault !== undefined) return unlike('healthz', at, fault);
  if (isPage(answer)) {
    return unlike('healthz', at, {
      found: 'a web page: another program answers there',
      advice: 'name the address of the API: --app-url URL',
    });
  }
  return passed('healthz', `${at}: 200`);
}

/** `/torznab/api?t=caps`: XML that the *arrs understand. @param hasKey - Whether a key was given. */
export function judgeCaps(answer: Answer, at: string, hasKey: boolean): Check {
  const keyAdvice = hasKey ? `the key is another: ${giveKey}` : giveKey;
  const fault = faultOf(answer, keyAdvice);
  if (fault !== undefined) return unlike('torznab', at, fault);
  const { text, isCut } = answer as Extract<Answer, { text: string }>;
  if (isCut) {
    return unlike('torznab', at, {
      found: 'an answer that is far too long',
      advice: 'is that BitAgent? --app-url URL',
    });
  }
  const wrong = faultOfCaps(text);
  if (wrong === undefined) {
    return passed('torznab', `${at}?t=caps: valid XML, <caps>`);
  }
  return unlike('torznab', at, {
    found: wrong.found,
    advice: wrong.isKey
      ? keyAdvice
      : isPage(answer)
        ? 'a proxy, or another program: name the address of BitAgent itself: --app-url URL'
        : seeLogs,
  });
}

/** The dashboard: a web page. */
export function judgeDashboard(answer: Answer, at: string): Check {
  const advice =
    "give its key (DASHBOARD_API_KEY) in BITAGENT_DASHBOARD_KEY, or leave it out ('--dashboard-url none') and look yourself";
  const fault = faultOf(answer, advice);
  if (fault !== undefined) return unlike('dashboard', at, fault);
  if (isPage(answer)) return passed('dashboard', `${at}: 200, a web page`);
  return unlike('dashboard', at, {
    found: 'no web page',
    advice: 'name the address of the dashboard: --dashboard-url URL',
  });
}

/**
 * The rows that the dashboard counts.
 *
 * @param rows - `undefined`: there is no such table.
 * @param inArchive - `undefined`: the archive has no such table.
 */
export function judgeCount(table: string, rows: number | undefined, inArchive: number | undefined): Check {
  const name = 'count';
  const held = inArchive === undefined ? `no ${table}` : `${formatCount(inArchive)} ${table}`;
  if (rows === undefined && inArchive !== undefined) {
    return {
      name,
      outcome: 'fail',
      found: `no table ${table}; the archive holds ${held}`,
      advice: "nothing was restored into this database: run 'offsite recover'",
      exitCode: exitCodes.restore,
    };
  }
  const found = `${formatCount(rows ?? 0)} ${table}; the archive holds ${held}`;
  if ((rows ?? 0) >= (inArchive ?? 0)) return passed(name, found);
  return failed(
    name,
    found,
    'rows are missing: is it the database that was restored into? What deletes torrents (retention) may have run',
    exitCodes.restore,
  );
}

/** What `/status` says of the crawler; nobody is the worse for one that is not yet up. */
export function judgeDht(dht: 'up' | 'down' | 'inactive' | 'unknown', at: string): Check {
  const name = 'dht';
  if (dht === 'up') return passed(name, `${at}: up`);
  if (dht === 'inactive') {
    return warned(name, `${at}: the crawler is not running`, 'is that as it was before?');
  }
  if (dht === 'down') {
    return warned(
      name,
      `${at}: no peer answers yet`,
      'it takes some minutes; if it stays, look at the firewall (UDP) and at the VPN',
    );
  }
  return warned(
    name,
    `${at} says nothing of the DHT`,
    'look in the dashboard whether torrents come; it takes some minutes',
  );
}

/** What is wrong with an answer, whatever was asked. */
function faultOf(answer: Answer, keyAdvice: string): Found | undefined {
  if ('fault' in answer) {
    const { fault, advice = `is it running, and is that its address? ${seeLogs}` } = answer;
    return { found: fault, advice };
  }
  const { status, location } = answer;
  if (status === 200) return undefined;
  if (status === 401 || status === 403) return { found: `${status}: it asks for a key`, advice: keyAdvice };
  if (status >= 300 && status < 400) {
    return {
      found: `${status}: it sends one on${location === undefined ? '' : ` to ${withoutQuery(location)}`}`,
      advice: 'a login, or another address: name that of BitAgent itself (--app-url, --dashboard-url)',
    };
  }
  if (status === 404)
    return { found: '404: nothing there', advice: 'is that the address? --app-url, --dashboard-url' };
  return { found: `the answer ${status}`, advice: seeLogs };
}

function isPage(answer: Answer): boolean {
  return 'text' in answer && looksLikePage(answer.text);
}

function withoutQuery(location: string): string {
  return location.split(/[?#]/)[0]?.slice(0, 200) ?? '';
}

function unlike(name: string, at: string, { found, advice }: Found): Check {
  return failed(name, `${at}: ${found}`, advice, exitCodes.app);
}
