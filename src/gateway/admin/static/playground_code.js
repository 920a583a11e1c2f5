// What the playground asks, in the words of the public API, and as a program would write it.

/** Returns what is asked next in a conversation. */
export function asked(model, history, message, { system, temperature, max_tokens }) {
  const first = system ? [{ role: "system", content: system }] : [];
  const messages = [...first, ...history, { role: "user", content: message }];
  return { model, messages, temperature, max_tokens };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const json = (value) => JSON.stringify(value, null, 2);

/** Writes it for a shell; the key is named and never shown. */
export function asCurl(question, address) {
  const url = address || "$GATEWAY_URL/v1";
  return [
    `curl -N "${url}/chat/completions" \\`,
    `  -H "authorization: Bearer $GATEWAY_KEY" \\`,
    `  -H "content-type: application/json" \\`,
    `  -d ${quoted(json({ ...question, stream: true }))}`,
  ].join("\n");
}

/** Writes it for OpenAI's client. A string of JSON is one of Python, too. */
export function asPython(question, address) {
  const url = address ? JSON.stringify(address) : 'os.environ["GATEWAY_URL"] + "/v1"';
  const lines = [
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${url}, api_key=os.environ["GATEWAY_KEY"])`,
    "stream = client.chat.completions.create(",
    `    model=${JSON.stringify(question.model)},`,
    `    messages=${json(question.messages).replaceAll("\n", "\n    ")},`,
  ];
  if (question.temperature !== undefined) lines.push(`    temperature=${question.temperature},`);
  if (question.max_tokens !== undefined) lines.push(`    max_tokens=${question.max_tokens},`);
  return [
    ...lines,
    "    stream=True,",
    ")",
    "for chunk in stream:",
    "    if chunk.choices:",
    '        print(chunk.choices[0].delta.content or "", end="", flush=True)',
  ].join("\n");
}
