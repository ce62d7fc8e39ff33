// Do messages and views have the shape of @slack/types? The TypeScript compiler says, from Slack's own declarations.
//
// Usage: node shape.mjs FILE. FILE is a JSON array of { "name": …, "blocks": […] } or { "name": …, "view": {…} }.
// NODE_PACKAGES is the folder with node_modules. Prints `ok NAME` or `FAILED NAME: why`. Lengths are not its matter.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const packages = path.resolve(process.env.NODE_PACKAGES);
const ts = createRequire(`${packages}/`)('typescript');
const samples = JSON.parse(readFileSync(process.argv[2], 'utf8'));

// Views are of a kind by their type; text emoji flags and the like are checked with them.
const typed = (sample) => (sample.blocks
  ? ['KnownBlock[]', sample.blocks]
  : [sample.view.type === 'home' ? 'HomeView' : 'ModalView', sample.view]);
const lines = samples.map((sample, n) => {
  const [type, value] = typed(sample);
  return `export const s${n}: ${type} = ${JSON.stringify(value)};`;
});
const file = path.join(packages, 'shape-check.ts');
const source = `import type { HomeView, KnownBlock, ModalView } from '@slack/types';\n${lines.join('\n')}\n`;

const options = { strict: true, noEmit: true, skipLibCheck: true, moduleResolution: ts.ModuleResolutionKind.NodeJs, types: [] };
const host = ts.createCompilerHost(options);
const read = host.getSourceFile.bind(host);
host.getSourceFile = (name, ...rest) => (name === file ? ts.createSourceFile(name, source, ts.ScriptTarget.Latest) : read(name, ...rest));
host.fileExists = ((exists) => (name) => name === file || exists(name))(host.fileExists.bind(host));
host.getCurrentDirectory = () => packages;
const program = ts.createProgram([file], options, host);
const wrong = new Map();
for (const problem of ts.getPreEmitDiagnostics(program)) {
  const line = problem.file?.fileName === file ? problem.file.getLineAndCharacterOfPosition(problem.start).line - 1 : -1;
  wrong.set(line, ts.flattenDiagnosticMessageText(problem.messageText, ' '));
}
samples.forEach((sample, n) => console.log(wrong.has(n) ? `FAILED ${sample.name}: ${wrong.get(n).slice(0, 600)}` : `ok ${sample.name}`));
if (wrong.has(-1)) console.log(`FAILED shape: ${wrong.get(-1)}`);
process.exit(wrong.size ? 1 : 0);
