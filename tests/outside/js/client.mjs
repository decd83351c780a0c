// Signs or verifies a file with sigstore-js's libraries.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The programs' own folder has the packages; this one has only the script.
const require = createRequire(process.env.CLIENT_PACKAGES + '/package.json');
const { SigningConfig } = require('@sigstore/protobuf-specs');
const { bundleToJSON } = require('@sigstore/bundle');
const { bundleBuilderFromSigningConfig } = require('@sigstore/sign');
const sigstore = require('sigstore');

const [command, mirror, bundlePath, filePath, identity, issuer] = process.argv.slice(2);
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
const IN_TOTO = 'application/vnd.in-toto+json';

async function sign() {
  const token = readFileSync('token', 'utf8').trim();
  const builder = bundleBuilderFromSigningConfig({
    signingConfig: SigningConfig.fromJSON(json('signing_config.v0.2.json')),
    identityProvider: { getToken: async () => token },
    bundleType: command === 'sign' ? 'messageSignature' : 'dsseEnvelope',
  });
  const artifact =
    command === 'sign'
      ? { data: readFileSync(filePath) }
      : { data: readFileSync('statement.json'), type: IN_TOTO };
  writeFileSync(bundlePath, JSON.stringify(bundleToJSON(await builder.create(artifact))));
}

// The libraries take an identity for a regular expression, and find it anywhere in a name.
const exactly = (text) => `^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;

async function verify() {
  const options = {
    tufMirrorURL: mirror,
    tufRootPath: 'root.json',
    tufCachePath: 'tuf-cache',
    certificateIdentityEmail: exactly(identity),
    certificateIssuer: issuer,
  };
  const bundle = json(bundlePath);
  if (bundle.dsseEnvelope) {
    await sigstore.verify(bundle, options);
  } else {
    await sigstore.verify(bundle, readFileSync(filePath), options);
  }
}

await (command === 'verify' ? verify() : sign());
