/** What a new app is made with; a test holds them to the versions that Monobloc itself is tested with. */
export const versions = {
  zod: '^4.6.7',
  '@types/node': '^26.6.6',
  typescript: '^7.0.2',
}

/** package.json of a new app. */
export function manifest(name: string, monobloc: string): object {
  return {
    name,
    version: '0.0.0',
    private: true,
    type: 'module',
    engines: { node: '>=24' },
    monobloc: { app: 'src/app.ts' },
    scripts: {
      dev: 'monobloc dev',
      test: 'node --test',
      check: 'tsc',
      build: 'monobloc build',
      start: 'monobloc start dist/app.js',
      migrate: 'monobloc migrate',
    },
    dependencies: { monobloc, zod: versions.zod },
    devDependencies: { '@types/node': versions['@types/node'], typescript: versions.typescript },
  }
}

/** A folder's name as npm takes it: lower case, and nothing that an address would escape. */
export function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replaceAll(/^[._-]+|[._-]+$/g, '')
    .slice(0, 214)
  return name || 'app'
}
