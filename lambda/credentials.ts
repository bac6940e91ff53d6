// The credentials of a function: Lambda gives its role's in the environment, and nowhere else. In place of the SDK's
// chain of providers, which brings clients for SSO and STS along: an eighth of each bundle.

import { fromEnv } from '@aws-sdk/credential-provider-env';

/** What the SDK's clients ask for by default. */
export const defaultProvider = fromEnv;
