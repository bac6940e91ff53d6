// What stands between here and the store, and fails: TLS, its certificates, a proxy.

import type { ErrorCode } from '../base/errors.ts';
import type { AwsError } from './trouble.ts';

export type Explanation = { readonly code: ErrorCode; readonly expected: string; readonly hint: string };

/** @returns Nothing where it is none of them. */
export function explanationOfTheWay({ code = '', message }: AwsError): Explanation | undefined {
  const said = (expected: string, hint: string): Explanation => ({
    code: 'STORE_UNREACHABLE',
    expected,
    hint,
  });
  const eitherTls = 'both ends to speak TLS, or neither';
  if (code === 'EPROTO' || message.includes('wrong version number')) {
    return said(
      eitherTls,
      'what answers speaks no TLS: say http:// in the endpoint, or name the port that does',
    );
  }
  if (code.startsWith('HPE_')) {
    return said(eitherTls, 'what answers speaks no HTTP; if it speaks TLS, say https:// in the endpoint');
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const hint =
      'name the store in the endpoint as its certificate does, or give it one that is for this name';
    return said('a certificate that is for the name in the endpoint', hint);
  }
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(code)) {
    const hint =
      "renew the store's certificate, or set this machine's clock right (date; timedatectl set-ntp true)";
    return said('a certificate that is valid today', hint);
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code)) {
    return said(
      'a certificate of an authority that is trusted here',
      'name the authority that signed it: --ca-bundle FILE (PEM), or caBundle in the settings file; /etc/ssl/certs/ca-certificates.crt on Debian has those that were given to the machine',
    );
  }
  const [, proxy] = /^the proxy of (\w+) does/.exec(message) ?? [];
  if (proxy !== undefined)
    return said('the proxy to answer', `mend or unset ${proxy}, or name the store's host in NO_PROXY`);
  if (code.startsWith('ERR_PROXY')) {
    const hint =
      'give HTTPS_PROXY what it wants (http://user:password@host:port), or name the store in NO_PROXY';
    return said('the proxy to let us through', hint);
  }
  return undefined;
}
