import { isTest, type SourceFile } from './source-file.ts'

export interface Manifest {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

/** The package imports only what it declares, pins every version, and gives a reason for each in docs/dependencies.md. */
export function checkPackages(files: SourceFile[], manifest: Manifest, page: string): string[] {
  const shipped = { ...manifest.dependencies, ...manifest.peerDependencies }
  const undeclared = files
    .filter((file) => !isTest(file))
    .flatMap((file) =>
      file.imports
        .map(({ specifier }) => specifier)
        .filter((specifier) => !/^(\.|node:|monobloc(\/|$))/.test(specifier))
        .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)![0])
        .filter((name) => !(name in shipped))
        .map((name) => `${file.path} imports ${name}, which is no dependency of the package`),
    )
  const pinned = { ...manifest.dependencies, ...manifest.devDependencies }
  const loose = Object.entries(pinned)
    .filter(([, version]) => !/^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name} is not pinned: ${version}`)
  const unexplained = Object.keys({ ...shipped, ...manifest.devDependencies })
    .filter((name) => !page.includes(`\`${name}\``))
    .map((name) => `docs/dependencies.md gives no reason for ${name}`)
  return [...undeclared, ...loose, ...unexplained]
}
