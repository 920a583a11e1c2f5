// One thing that a client of Node.js does with the gateway: `node smoke.mjs ADDRESS CLIENT WHAT`.
// It prints what came of it as one line of JSON.
import Anthropic from "@anthropic-ai/sdk";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";

const [address, client, what] = process.argv.slice(2);
const model = "m";
const prompt = "Weather in Ghent?";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const options = { apiKey: "none", maxRetries: 0, timeout: 10_000 };

const ways = {
  openai: {
    open: () => new OpenAI({ ...options, baseURL: `${address}/v1` }),
    messages: [{ role: "user", content: prompt }],

    async stream(stop) {
      const stream = await this.open().chat.completions.create({
        model, messages: this.messages, stream: true, stream_options: { include_usage: true },
      });
      const told = { text: "", finish: null, usage: null };
      for await (const chunk of stream) {
        const [choice] = chunk.choices;
        told.text += choice?.delta.content ?? "";
        told.finish = choice?.finish_reason ?? told.finish;
        told.usage = chunk.usage?.total_tokens ?? told.usage;
        if (stop && told.text) stream.controller.abort();
      }
      return told;
    },

    async tools() {
      const tools = [{ type: "function", function: { name: "weather", parameters } }];
      const asked = { model, tools, messages: [...this.messages] };
      const first = await this.open().chat.completions.create(asked);
      const { message } = first.choices[0];
      const [call] = message.tool_calls;
      const result = { role: "tool", tool_call_id: call.id, content: "Rain" };
      const second = await this.open().chat.completions.create({
        ...asked, messages: [...this.messages, message, result],
      });
      const city = JSON.parse(call.function.arguments).city;
      return { city, text: second.choices[0].message.content };
    },

    async whole() {
      const asked = { model, messages: this.messages };
      return (await this.open().chat.completions.create(asked)).choices[0].message.content;
    },
  },

  anthropic: {
    open: () => new Anthropic({ ...options, baseURL: address }),
    messages: [{ role: "user", content: prompt }],

    async stream(stop) {
      const stream = this.open().messages.stream({ model, max_tokens: 64, messages: this.messages });
      const told = { text: "", finish: null, usage: null };
      for await (const event of stream) {
        if (event.type === "content_block_delta") told.text += event.delta.text ?? "";
        if (stop && told.text) stream.abort();
      }
      const message = await stream.finalMessage();
      told.finish = message.stop_reason;
      told.usage = message.usage.input_tokens + message.usage.output_tokens;
      return told;
    },

    async tools() {
      const tools = [{ name: "weather", input_schema: parameters }];
      const asked = { model, max_tokens: 64, tools, messages: this.messages };
      const first = await this.open().messages.create(asked);
      const use = first.content.find((block) => block.type === "tool_use");
      const result = { type: "tool_result", tool_use_id: use.id, content: "Rain" };
      const second = await this.open().messages.create({
        ...asked,
        messages: [
          ...this.messages,
          { role: "assistant", content: first.content },
          { role: "user", content: [result] },
        ],
      });
      return { city: use.input.city, text: second.content[0].text };
    },

    async whole() {
      const asked = { model, max_tokens: 64, messages: this.messages };
      return (await this.open().messages.create(asked)).content[0].text;
    },
  },

  ai: {
    open: () =>
      createOpenAICompatible({
        name: "gateway", baseURL: `${address}/v1`, apiKey: "none", includeUsage: true,
      })(model),

    async stream(stop) {
      const leaving = new AbortController();
      let failed = null;
      const result = streamText({
        model: this.open(), prompt, maxRetries: 0, abortSignal: leaving.signal,
        onError: ({ error }) => { failed = error; },
      });
      const told = { text: "", finish: null, usage: null };
      try {
        for await (const text of result.textStream) {
          told.text += text;
          if (stop) leaving.abort();
        }
      } catch (error) {
        throw failed ?? error; // the first that it was told
      }
      if (failed) throw failed;
      if (leaving.signal.aborted) throw Object.assign(new Error("aborted"), { name: "AbortError" });
      told.finish = await result.finishReason;
      told.usage = (await result.totalUsage).totalTokens;
      return told;
    },

    async tools() {
      let city = null;
      const weather = tool({
        inputSchema: jsonSchema(parameters),
        execute: async (input) => { city = input.city; return "Rain"; },
      });
      const told = await generateText({
        model: this.open(), prompt, maxRetries: 0, tools: { weather },
        stopWhen: ({ steps }) => steps.length === 2,
      });
      return { city, text: told.text };
    },

    async whole() {
      return (await generateText({ model: this.open(), prompt, maxRetries: 0 })).text;
    },
  },
};

async function act(way) {
  switch (what) {
    case "leave":
      return way.stream(true);
    default:
      return way[what](false);
  }
}

try {
  console.log(JSON.stringify({ told: await act(ways[client]) }));
} catch (error) {
  const { name, message } = error;
  const status = error.status ?? error.statusCode ?? null;
  console.log(JSON.stringify({ failed: { name, message, status } }));
}
