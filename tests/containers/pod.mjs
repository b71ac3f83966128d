// What Kubernetes would ask of a container for the pod of an object of docs/kubernetes/kustomize, as arguments of `docker run`, one a line.
//
//   node tests/containers/pod.mjs edge|migrate SECRETS [NAME]      SECRETS: a folder; NAME: of the image, for the one in the object
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'

const root = fileURLToPath(new URL('../../', import.meta.url))
const [kustomization, secrets, image] = process.argv.slice(2)
const kubectl = join(execFileSync(`${root}tests/env/cluster_tools`, { encoding: 'utf8' }).trim(), 'kubectl')
const objects = parseAllDocuments(execFileSync(kubectl, ['kustomize', `${root}docs/kubernetes/kustomize/${kustomization}`], { encoding: 'utf8' })).map((d) => d.toJS())

const pod = objects.find((o) => o.spec?.template).spec.template.spec
const [c] = pod.containers
const settings = (c.envFrom ?? []).flatMap(({ configMapRef: { name } }) => Object.entries(objects.find((o) => o.kind === 'ConfigMap' && o.metadata.name === name).data))
const variables = [...settings, ...c.env.map(({ name, value }) => [name, value])]
const { securityContext: own } = c
const args = [
  '--user', `${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`,
  ...own.capabilities.drop.map((d) => `--cap-drop=${d}`),
  ...(own.readOnlyRootFilesystem ? ['--read-only'] : []),
  ...(own.allowPrivilegeEscalation ? [] : ['--security-opt=no-new-privileges']),
  `--memory=${c.resources.limits.memory.replace('i', '').toLowerCase()}`,
  ...variables.flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ...c.volumeMounts.flatMap(({ mountPath }) => ['--volume', `${secrets}:${mountPath}:ro`]),
  '--entrypoint', c.command[0], image ?? c.image, ...c.command.slice(1),
]
console.log(args.join('\n'))
