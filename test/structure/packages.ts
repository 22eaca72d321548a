import { isTest, type SourceFile } from './source-file.ts'

export interface Manifest {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

/** The package imports what it declares and nothing else, pins every version, and says in docs/dependencies.md why. */
export function checkPackages(files: SourceFile[], manifest: Manifest, page: string): string[] {
  const shipped = { ...manifest.dependencies, ...manifest.peerDependencies }
  const imports = files
    .filter((file) => !isTest(file))
    .flatMap((file) =>
      file.imports
        .map(({ specifier }) => specifier)
        .filter((specifier) => !/^(\.|node:|monobloc(\/|$))/.test(specifier))
        .map((specifier) => ({ file, name: /^(@[^/]+\/)?[^/]+/.exec(specifier)![0] })),
    )
  const undeclared = imports
    .filter(({ name }) => !(name in shipped))
    .map(({ file, name }) => `${file.path} imports ${name}, which is no dependency of the package`)
  const unused = Object.keys(manifest.dependencies)
    .filter((name) => imports.every((one) => one.name !== name))
    .map((name) => `${name} is installed with the package, which does not import it`)
  const pinned = { ...manifest.dependencies, ...manifest.devDependencies }
  const loose = Object.entries(pinned)
    .filter(([, version]) => !/^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name} is not pinned: ${version}`)
  const unexplained = Object.keys({ ...shipped, ...manifest.devDependencies })
    .filter((name) => !page.includes(`\`${name}\``))
    .map((name) => `docs/dependencies.md gives no reason for ${name}`)
  return [...undeclared, ...unused, ...loose, ...unexplained]
}
