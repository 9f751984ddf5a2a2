"""The page at /docs: /openapi.json made readable, in English and Chinese, with a place to try each request.

It is written here and asks no other host for anything; FastAPI's own page would load its scripts from one.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from zoo.entry import IMAGE_GENERATION
from zoo.generate.library import DEFAULTS
from zoo.ui.api_schema import allowed
from zoo.ui.gate import BURST, MAX_JSON, posts_per_second
from zoo.ui.guard import MAX_QUEUE, MAX_RUN, MAX_WAIT
from zoo.ui.strings import Language, chinese, english, language_of

STATUSES = (400, 401, 404, 413, 429, 503)
_STYLE = Path(__file__).with_name("api_docs.css")
_SEAL = (
    '<svg viewBox="0 0 40 40" width="40" height="40" aria-hidden="true"><rect x="1" y="1" width="38" height="38" rx="7"'
    ' fill="var(--seal)"/><g fill="none" stroke="var(--seal-ink)" stroke-width="2.6" stroke-linecap="round" '
    'stroke-linejoin="round"><path d="M9 11h9L9 20h9"/><circle cx="27.5" cy="15.5" r="4.6"/>'
    '<path d="M9 29c3-5 6-5 9 0s6 5 9 0 3.5-3.5 5-3.5"/></g></svg>'
)
_SHADE = """
const kept = (() => { try { return localStorage.getItem("zoo.shade"); } catch { return null; } })();
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.dataset.shade = kept || (dark ? "dark" : "light");
"""
_SCRIPT = """
const here = new URL(".", location).href.replace(/[/]$/, "");
for (const line of document.querySelectorAll("pre")) line.textContent = line.textContent.replaceAll("ORIGIN", here);
const element = (name, values) => Object.assign(document.createElement(name), values);
async function show(reply, output) {
  const kind = reply.headers.get("content-type") || "";
  if (kind.startsWith("audio/")) {
    output.append(element("audio", { controls: true, src: URL.createObjectURL(await reply.blob()) }));
  } else if (kind.startsWith("text/event-stream")) {
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let step = await reader.read(); !step.done; step = await reader.read()) output.append(step.value);
  } else {
    const found = await reply.json();
    for (const one of Array.isArray(found.data) ? found.data : [])
      if (one.b64_json || one.url)
        output.append(element("img", { src: one.url || "data:image/png;base64," + one.b64_json, alt: one.label }));
    output.append(JSON.stringify(found, (key, value) =>
      typeof value === "string" && value.length > 400 ? value.slice(0, 60) + " …" : value, 2));
  }
}
for (const form of document.querySelectorAll("form")) form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [button, output] = [form.querySelector("button"), form.querySelector("output")];
  const key = document.querySelector("#key")?.value, body = form.querySelector("textarea")?.value;
  const headers = key ? { authorization: "Bearer " + key } : {};
  if (body) headers["content-type"] = "application/json";
  button.disabled = true;
  output.replaceChildren();
  try {
    await show(await fetch(form.getAttribute("action"), { method: form.dataset.method, headers, body }), output);
  } catch (error) { output.append(String(error)); } finally { button.disabled = false; }
});
"""


def page(request: Request, description: dict[str, Any], *, closed: bool) -> HTMLResponse:
    """The page for an OpenAPI description, in the language that the request asks for; `closed` if a key is wanted."""
    language = language_of(request)
    other, name = ("en", "English") if language == "zh-CN" else ("zh-CN", "中文")
    say = chinese if language == "zh-CN" else english
    key = (
        f'<p><label>{say("api_key")} <input id="key" type="password" autocomplete="off"></label></p>' if closed else ""
    )
    operations = [
        _operation(path, method, operation, description, language, closed)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    limits = say("api_limits_line").format(
        kb=MAX_JSON // 1024, burst=round(BURST), rate=f"{posts_per_second():g}", queue=MAX_QUEUE, wait=round(MAX_WAIT),
        run=round(MAX_RUN),
    )  # fmt: skip
    errors = "".join(
        f"<tr><td><code>{status}</code></td><td>{escape(say(f'api_{status}'))}</td></tr>" for status in STATUSES
    )
    return HTMLResponse(f"""<!doctype html><html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Model Zoo · {say("api_title")}</title>
<style>{_STYLE.read_text(encoding="utf-8")}</style><script>{_SHADE}</script></head><body>
<header><a href=".">{_SEAL}<b>Model Zoo · {say("api_title")}</b></a>
<a href="?lang={other}" lang="{other}">{name}</a></header>
<p>{escape(say("api_intro"))} {escape(say("api_key_closed" if closed else "api_key_open"))}
<a href="openapi.json">{say("api_description")}</a></p>{key}
{"".join(operations)}
<h2>{say("api_errors")}</h2><p>{escape(say("api_errors_intro"))}</p><div class="wide"><table>{errors}</table></div>
<h2>{say("api_limits")}</h2><p>{escape(limits)}</p>
<script>{_SCRIPT}</script></body></html>""")


def _operation(
    path: str, method: str, operation: dict[str, Any], description: dict[str, Any], language: Language, closed: bool
) -> str:
    """One request: what it does, its parameters, what comes back, an example for a shell, and a place to try it."""
    say = chinese if language == "zh-CN" else english
    words = operation["x-zh"] if language == "zh-CN" else operation["summary"]
    body = operation.get("requestBody")
    fields = area = ""
    action = path.removeprefix("/").replace("{name}", DEFAULTS[IMAGE_GENERATION])
    shell = f"curl ORIGIN/{action}" + (" -H 'authorization: Bearer YOUR_KEY'" if closed else "")
    if body:
        asked = _named(body["content"]["application/json"]["schema"], description)
        example = json.dumps(asked["example"], ensure_ascii=False)
        area = f'<textarea rows="3" spellcheck="false">{escape(example)}</textarea>'
        rows = [_row(name, field, asked, language) for name, field in asked["properties"].items()]
        heads = "".join(f"<th>{say(f'api_{key}')}</th>" for key in ("parameter", "takes", "default", "meaning"))
        fields = f'<div class="wide"><table><tr>{heads}</tr>{"".join(rows)}</table></div>'
        shell += f" -H 'content-type: application/json' -d '{example}'"
        if path == "/v1/audio/speech":
            shell += " -o answer.wav"
    return f"""<h2><small>{method.upper()}</small>{escape(path)}</h2><p>{escape(words)}</p>
<pre>{escape(shell)}</pre>{fields}
<h3>{say("api_reply")}</h3><p>{_reply(operation, description)}</p>
<details><summary>{say("api_try")}</summary><form action="{action}" data-method="{method.upper()}">{area}
<button>{say("api_send")}</button><output></output></form></details>"""


def _row(name: str, field: dict[str, Any], asked: dict[str, Any], language: Language) -> str:
    say = chinese if language == "zh-CN" else english
    default = json.dumps(field.get("default"), ensure_ascii=False)
    if name in asked.get("required", []):
        default = say("api_required")
    words = field["x-zh"] if language == "zh-CN" else field["description"]
    cells = (
        f"<code>{escape(name)}</code>",
        escape(allowed(field, language)),
        f"<code>{escape(default)}</code>",
        escape(words),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _reply(operation: dict[str, Any], description: dict[str, Any]) -> str:
    """The kinds of reply, and the fields of the JSON one: `choices[] (index, text, ...)`."""
    content = operation["responses"]["200"].get("content", {})
    kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in content)
    schema = content.get("application/json", {}).get("schema", {})
    return f"{kinds}<br><code>{escape(_shape(schema, description))}</code>" if schema else kinds


def _shape(schema: dict[str, Any], description: dict[str, Any]) -> str:
    if "$ref" in schema:
        fields = _named(schema, description)["properties"]
        return "{" + ", ".join(f"{name}{_inner(field, description)}" for name, field in fields.items()) + "}"
    return ""


def _inner(field: dict[str, Any], description: dict[str, Any]) -> str:
    if field.get("type") == "array":
        return f": [{_shape(field['items'], description)}]" if "$ref" in field["items"] else "[]"
    nested = next((kind for kind in [field, *field.get("anyOf", [])] if "$ref" in kind), None)
    return f": {_shape(nested, description)}" if nested else ""


def _named(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found
