# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected renderings for the tests of the template engine, made by the real Jinja2 as transformers configures it.

usage: python jinja_oracle.py templates OUTPUT        every *.jinja of trl and of axolotl, with all conversations below
       python jinja_oracle.py snippets FILE OUTPUT    every snippet of a JSON file {"vars", "expressions", "templates"}

OUTPUT gets JSON lines. "templates" gives {"kind": "conversation", name, messages, ...} and {"kind": "template", name, source, training}
before the {"kind": "case", template, conversation, prompt, ok, text | error, generations: [[begin, end], ...] in bytes of UTF-8} that
use them; "snippets" gives {"kind": "snippet", source, ok, text | error}. All templates of either package must be found.
"""
import copy
import importlib.util
import json
import logging
import pathlib
import sys
from datetime import datetime

logging.disable(logging.CRITICAL)

from transformers.utils import chat_template_utils  # noqa: E402


class FixedTime(datetime):
    """What strftime_now sees; the C++ side sets the same moment."""

    @classmethod
    def now(cls, tz=None):
        return cls(2024, 7, 26, 15, 4, 5)


chat_template_utils.datetime = FixedTime

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather at a place, \"now\" or later; costs <1 & isn't slow.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name of the city, e.g. Zürich"},
                "days": {"type": "integer", "description": "Days ahead", "default": 1, "minimum": 0},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "where": {"type": "object", "properties": {"lat": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
                          "required": ["lat"]},
                "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            },
            "required": ["city"],
        },
        "return": {"type": "string"},
    },
}
SEARCH = {"type": "function", "function": {"name": "search", "description": "Finds pages.", "parameters": {"type": "object", "properties": {}}}}


def call(name, arguments, ident="abcdef123"):
    return {"type": "function", "id": ident, "function": {"name": name, "arguments": arguments}}


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def system(text):
    return {"role": "system", "content": text}


CONVERSATIONS = {
    "one question": {"messages": [user("What is 2 + 2?")]},
    "system, question, answer": {"messages": [system("You are terse."), user("What is 2 + 2?"), assistant("4")]},
    "several turns": {"messages": [user("Hi"), assistant("Hello!"), user("Name a colour."), assistant("Blue."), user("Another?")]},
    "ten messages": {"messages": [system("Count.")] + [m for i in range(5) for m in (user(f"Say {i}"), assistant(f"It is {i}."))][:9]},
    "unicode and space": {"messages": [system("  Sprich\tDeutsch.\n"), user(" Grüße 👋🏽 \u4f60\u597d\u00a0\u2028 \"quoted\" 'single' \\ back \n\n"),
                                       assistant("\n  Ça va — naïve Ως \U0001f600\t\n")]},
    "empty contents": {"messages": [user(""), assistant(""), user(" "), assistant("\n")]},
    "special tokens in the text": {"messages": [user("a <|im_end|> </s> [INST] <think>b</think>"), assistant("c <|eot_id|> <end_of_turn> d")]},
    "tool call": {"messages": [system("Use tools."), user("Weather in Bern?"),
                               {"role": "assistant", "content": "", "tool_calls": [call("get_weather", {"city": "Bern", "days": 2, "where": {"lat": 46.95, "tags": ["a", "b"]}, "flag": True, "none": None})]},
                               {"role": "tool", "name": "get_weather", "tool_call_id": "abcdef123", "content": "{\"temp\": 21.5}"},
                               assistant("It is 21.5 degrees.")], "tools": [WEATHER, SEARCH]},
    "tool call as text": {"messages": [user("Search cats & <dogs>"),
                                       {"role": "assistant", "tool_calls": [call("search", "{\"q\": \"cats\"}", "id0000001"), call("search", "{\"q\": \"dogs\"}", "id0000002")]},
                                       {"role": "tool", "tool_call_id": "id0000001", "name": "search", "content": "1 page"},
                                       {"role": "tool", "tool_call_id": "id0000002", "name": "search", "content": "2 pages"},
                                       assistant("Three pages."), user("Thanks")], "tools": [SEARCH]},
    "null content with a call": {"messages": [user("Go"), {"role": "assistant", "content": None, "tool_calls": [call("search", {"q": "x"})]},
                                              {"role": "tool", "tool_call_id": "abcdef123", "name": "search", "content": "ok"}], "tools": [SEARCH]},
    "tools without a call": {"messages": [system("S"), user("Hi"), assistant("Hello")], "tools": [WEATHER]},
    "reasoning in a field": {"messages": [user("2+2?"), assistant("4", reasoning_content="Two and two.\n"), user("3+3?"), assistant("6", reasoning_content="\nEasy")]},
    "reasoning in the text": {"messages": [user("2+2?"), assistant("<think>\nTwo and two.\n</think>\n\n4"), user("3+3?"), assistant("<think>easy</think>6")]},
    "thinking off": {"messages": [user("2+2?"), assistant("4"), user("3+3?")], "vars": {"enable_thinking": False, "thinking": False}},
    "content parts": {"messages": [{"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
                                   {"role": "user", "content": [{"type": "text", "text": "Part one."}, {"type": "text", "text": " Part two."}]},
                                   {"role": "assistant", "content": [{"type": "text", "text": "Seen."}]}]},
    "an image": {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}, assistant("A cat.")]},
    "assistant first": {"messages": [assistant("Welcome."), user("Hi"), assistant("Hello")]},
    "two users in a row": {"messages": [user("One"), user("Two"), assistant("Three"), assistant("Four")]},
    "developer and unknown roles": {"messages": [{"role": "developer", "content": "Be brief."}, user("Hi"), {"role": "critic", "content": "Hm."}, assistant("Yes")]},
    "late system": {"messages": [user("Hi"), system("Now be rude."), assistant("Go away.")]},
    "no messages": {"messages": []},
    "documents": {"messages": [system("Use the documents."), user("Who?"), assistant("Ada.")],
                  "documents": [{"doc_id": 1, "title": "People", "text": "Ada wrote it.", "contents": "Ada wrote it."}]},
    "number-like strings": {"messages": [user("0012"), assistant("1e5"), user("True"), assistant("None")]},
}


def byte_spans(text, spans):
    return [[len(text[:begin].encode()), len(text[:end].encode())] for begin, end in spans]


def render(source, conversation, prompt, want_mask):
    try:
        messages = chat_template_utils._normalize_chat_messages(copy.deepcopy(conversation["messages"]))
        rendered, generations = chat_template_utils.render_jinja_template(
            conversations=[messages], tools=conversation.get("tools"), documents=conversation.get("documents"), chat_template=source,
            add_generation_prompt=prompt, return_assistant_tokens_mask=want_mask, **{**TOKENS, **conversation.get("vars", {})})
        text = rendered[0]
        return {"ok": True, "text": text, "generations": byte_spans(text, generations[0]) if generations else []}
    except RecursionError:
        raise
    except Exception as error:  # whatever it is: the template does not render
        return {"ok": False, "error": f"{type(error).__name__}: {error}"[:300]}


def template_files():
    for package in ("trl", "axolotl"):
        spec = importlib.util.find_spec(package)  # found, not imported: axolotl's dependencies are not needed
        if spec is None:
            raise SystemExit(f"the package {package} is not installed")
        files = sorted(pathlib.Path(spec.submodule_search_locations[0]).rglob("*.jinja"))
        if not files:
            raise SystemExit(f"{package} brings no templates")
        for path in files:
            yield f"{package}/{path.name}", path.read_text(encoding="utf-8")


def templates():
    for name, conversation in CONVERSATIONS.items():
        yield {"kind": "conversation", "name": name, **conversation}
    for name, source in template_files():
        training = "{% generation" in source or "{%- generation" in source
        yield {"kind": "template", "name": name, "source": source, "training": training}
        for conversation_name, conversation in CONVERSATIONS.items():
            for prompt in (False, True):
                yield {"kind": "case", "template": name, "conversation": conversation_name, "prompt": prompt,
                       **render(source, conversation, prompt, training)}


def snippets(path):
    document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    sources = ["{{ " + expression + " }}" for expression in document["expressions"]] + document["templates"]
    for source in sources:
        try:
            text = chat_template_utils._compile_jinja_template(source).render(**copy.deepcopy(document["vars"]))
            text.encode()
            result = {"ok": True, "text": text}
        except Exception as error:  # whatever it is: the snippet does not render
            result = {"ok": False, "error": f"{type(error).__name__}: {error}"[:300]}
        yield {"kind": "snippet", "source": source, **result}


if __name__ == "__main__":
    records = templates() if sys.argv[1] == "templates" else snippets(sys.argv[2])
    with open(sys.argv[-1], "w", encoding="utf-8") as output:
        for record in records:
            output.write(json.dumps(record, ensure_ascii=True) + "\n")
