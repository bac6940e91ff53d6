// Settings as they may be shown: what opens a door is not.

import { shellWord } from '../base/shell-word.ts';
import type { SettingPath } from './layers.ts';

const places = ['pingUrl', 'ntfyUrl', 'webhookUrl'];

/**
 * A setting's value as text, without what is secret in it.
 *
 * @remarks A password, that of a URL, and the path of an address that tells somebody something: who has it can tell it, too.
 */
export function maskedSetting(path: SettingPath, value: unknown): string {
  const [section, key] = path;
  if (key === 'password') return '***';
  if (Array.isArray(value)) return value.map((word) => shellWord(withoutPasswords(String(word)))).join(' ');
  const text = String(value);
  return places.includes(String(section)) ? withoutPath(text) : withoutPasswords(text);
}

/** A settings file's text, YAML or JSON, likewise. */
export function maskedText(text: string): string {
  return withoutPasswords(text.replaceAll(/((?:password|\w+Url)"?: *).*/g, '$1***'));
}

function withoutPath(text: string): string {
  if (!URL.canParse(text)) return '***';
  const { origin, pathname } = new URL(text);
  return pathname === '/' ? origin : `${origin}/***`;
}

/** `user:***@`, `PGPASSWORD=***`, `?password=***` */
function withoutPasswords(text: string): string {
  return text
    .replaceAll(/(:\/\/[^/\s:@]*:)[^@\s]*@/g, '$1***@')
    .replaceAll(/((?:password|passwd|secret|token)=)(?:'[^']*'|"[^"]*"|[^\s&'"]*)/gi, '$1***');
}
