"""What a program may ask of /v1 and what it gets: OpenAI's names and shapes, and every limit, stated once.

The tabs take their sliders' ends from here (`bounds`), the documentation at /docs and the refusals their words
(`allowed`); the numbers themselves are those that `zoo.generate` enforces.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from zoo.entry import AUDIO_GENERATION, IMAGE_GENERATION, TEXT_GENERATION
from zoo.generate import audio, chat, crossmodal, image, speech, text
from zoo.generate.library import DEFAULTS
from zoo.noise import MAX_SEED

MAX_TEXTS = 4
"""Texts of one request: prompts times `n`."""
MAX_PICTURES = 10
MAX_STOPS, MAX_STOP = 4, 100
"""Stop sequences, and characters of one."""
MAX_NAME = 400
"""Characters of a checkpoint's name."""
ONE_VOICE = "default"
"""What the voice of a model is called that has one alone."""


def _integral(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, Strict(), BeforeValidator(_integral)]
Seed = Annotated[int, Strict(), Field(ge=0, le=MAX_SEED), BeforeValidator(_integral)]
Number = Annotated[float, Strict()]
Steps = Annotated[int, Strict(), Field(ge=1, le=image.MAX_STEPS), BeforeValidator(_integral)]
Guidance = Annotated[float, Strict(), Field(ge=0, le=image.MAX_GUIDANCE)]
Tokens = Annotated[int, Strict(), Field(ge=1, le=chat.MAX_NEW_TOKENS), BeforeValidator(_integral)]
Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
_Stop = Annotated[str, Strict(), Field(min_length=1, max_length=MAX_STOP)]
Stop = _Stop | Annotated[list[_Stop], Field(max_length=MAX_STOPS)] | None


def _default(function: Callable[..., Any], name: str) -> Any:
    """The default of a parameter: it is written there and nowhere else."""
    return inspect.signature(function).parameters[name].default


def _said(english: str, chinese: str, default: Any = ..., **limits: float) -> Any:
    """A field with its words in both languages, its default (none: it must be given) and its bounds."""
    bounds: dict[str, Any] = limits
    return Field(default, description=english, json_schema_extra={"x-zh": chinese}, **bounds)


class _Asked(BaseModel):
    """A request's body. A field that it does not have is refused; null stands for the default."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given


class StreamOptions(_Asked):
    """What a stream tells besides the text."""

    include_usage: Flag = _said("send a last event with the usage", "最后多发一个事件，写明用量", False)


class Completion(_Asked):
    """Go on from a prompt, or write a Chinese poem in a fixed form."""

    model_config = ConfigDict(json_schema_extra={"example": {"prompt": "ROMEO:", "max_tokens": 120, "seed": 3}})

    model: Text = _said(
        "a text checkpoint, as /v1/models lists it", "文字模型，见 /v1/models",
        DEFAULTS[TEXT_GENERATION], max_length=MAX_NAME,
    )  # fmt: skip
    prompt: (
        Annotated[str, Strict(), Field(max_length=text.MAX_PROMPT)]
        | Annotated[
            list[Annotated[str, Strict(), Field(max_length=text.MAX_PROMPT)]], Field(min_length=1, max_length=MAX_TEXTS)
        ]
    ) = _said("how the text begins; for a poem, its title", "文字的开头；作诗时为题目", "")
    max_tokens: Whole = _said(
        "how many tokens to write; a poem is as long as its form", "写多少个词元；诗的长短由体式决定",
        _default(text.write, "max_new_tokens"), ge=1, le=text.MAX_NEW_TOKENS,
    )  # fmt: skip
    temperature: Number = _said(
        "0 takes the likeliest token, 1 samples as trained", "0 取最可能的词元，1 按训练时的分布采样",
        _default(text.write, "temperature"), ge=0, le=text.MAX_TEMPERATURE,
    )  # fmt: skip
    top_p: Number = _said(
        "keep the likeliest tokens that together have this probability", "只保留合计达到此概率的最可能词元",
        _default(text.write, "top_p"), gt=0, le=1,
    )  # fmt: skip
    n: Whole = _said(
        "how many texts for each prompt; the second comes from the seed after the first",
        "每个开头写几篇；种子依次加一",
        1, ge=1, le=MAX_TEXTS,
    )  # fmt: skip
    stop: Stop = _said("end before the first of these texts", "遇到其中任一段文字就停下，不含该段", None)
    stream: Flag = _said(
        "send the text while it is written, as server-sent events", "边写边发（server-sent events）", False
    )
    stream_options: StreamOptions | None = _said("only with stream", "仅用于 stream", None)
    echo: Flag = _said("repeat the prompt before the text", "在结果前重复开头", False)
    seed: Seed | None = _said(
        "the same seed gives the same text; left out, one is drawn and told",
        "同一种子得到同一结果；不填则随机，并写在结果里",
        None,
    )  # fmt: skip
    top_k: Whole = _said(
        "ours: keep only this many likeliest tokens; 0 keeps all", "扩展：只保留这么多个最可能的词元，0 为不限",
        _default(text.write, "top_k"), ge=0, le=text.MAX_TOP_K,
    )  # fmt: skip
    repetition_penalty: Number = _said(
        "ours: above 1 discourages tokens that were already used; not for poems",
        "扩展：大于 1 时少用已用过的词元；不用于诗",
        _default(text.write, "repetition_penalty"), ge=1, le=text.MAX_PENALTY,
    )  # fmt: skip
    form: Literal[text.FORMS] = _said(  # type: ignore[valid-type]
        "ours, for poems: the form", "扩展，用于诗：体式", _default(text.compose, "form")
    )
    title: Text = _said(
        "ours, for poems: the title, if the prompt is not to be it", "扩展，用于诗：题目（不用 prompt 时）",
        "", max_length=text.MAX_TITLE,
    )  # fmt: skip
    author: Text = _said(
        "ours, for poems: the poet whose manner is wanted", "扩展，用于诗：仿哪位诗人", "", max_length=text.MAX_AUTHOR
    )
    acrostic: Text = _said(
        "ours, for poems: the first characters of the lines", "扩展，用于诗：藏头，各句首字",
        "", max_length=max(count for count, _ in text.LINES.values()),
    )  # fmt: skip
    frequency_penalty: Number = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", 0, ge=0, le=0)
    presence_penalty: Number = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", 0, ge=0, le=0)
    best_of: Whole = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", 1, ge=1, le=1)
    user: Text = _said("taken and forgotten", "接受但不使用、不保存", "", max_length=MAX_NAME)


Content = Annotated[str, Strict(), Field(max_length=chat.MAX_TURN)]


class Part(_Asked):
    """A piece of a message."""

    type: Literal["text"] = _said("text is what is read here", "这里只读文字", "text")
    text: Content = _said("its characters", "文字")


class Message(_Asked):
    """A turn of a conversation."""

    role: Literal["user", "assistant"] = _said("who says it", "谁说的")
    content: Content | Annotated[list[Part], Field(min_length=1, max_length=chat.MAX_TURNS)] = _said(
        "what is said, also as a list of parts", "说了什么；也可为分段列表"
    )
    name: Text = _said("taken and forgotten", "接受但不使用、不保存", "", max_length=MAX_NAME)

    def said(self) -> str:
        """The text of it."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatRequest(_Asked):
    """Answer the last message of a conversation; these models have learnt no instructions."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"messages": [{"role": "user", "content": "Have you seen a good movie lately?"}], "seed": 1}
        }
    )

    model: Text = _said(
        "a checkpoint that chats, as /v1/models lists it", "会聊天的模型，见 /v1/models",
        _default(chat.reply, "model"), max_length=MAX_NAME,
    )  # fmt: skip
    messages: Annotated[list[Message], Field(min_length=1, max_length=chat.MAX_TURNS + 1)] = _said(
        'what was said, each {"role": "user" or "assistant", "content": ...}; the last one is answered. The oldest are '
        "left out where they no longer fit",
        '说过的话，每条 {"role": "user" 或 "assistant", "content": ...}；回答最后一条，放不下时略去最早的',
    )
    max_tokens: Tokens = _said(
        "how many tokens to write at most; a reply that is found comes whole",
        "至多写多少个词元；检索到的回复总是完整的",
        _default(chat.reply, "max_new_tokens"),
    )  # fmt: skip
    max_completion_tokens: Tokens | None = _said("the newer name of max_tokens", "max_tokens 的新名字", None)
    temperature: Number = _said(
        "0 takes the likeliest token, 1 samples as trained", "0 取最可能的词元，1 按训练时的分布采样",
        _default(chat.reply, "temperature"), ge=0, le=text.MAX_TEMPERATURE,
    )  # fmt: skip
    top_p: Number = _said(
        "keep the likeliest tokens that together have this probability", "只保留合计达到此概率的最可能词元",
        _default(chat.reply, "top_p"), ge=chat.MIN_TOP_P, le=1,
    )  # fmt: skip
    n: Whole = _said(
        "how many replies; the second comes from the seed after the first", "写几条回复；种子依次加一",
        1, ge=1, le=MAX_TEXTS,
    )  # fmt: skip
    stop: Stop = _said("end before the first of these texts", "遇到其中任一段文字就停下，不含该段", None)
    stream: Flag = _said(
        "send the reply while it is written, as server-sent events", "边写边发（server-sent events）", False
    )
    stream_options: StreamOptions | None = _said("only with stream", "仅用于 stream", None)
    seed: Seed | None = _said(
        "the same seed gives the same reply; left out, one is drawn and told",
        "同一种子得到同一结果；不填则随机，并写在结果里",
        None,
    )  # fmt: skip
    top_k: Whole = _said(
        "ours: keep only this many likeliest tokens; 0 keeps all", "扩展：只保留这么多个最可能的词元，0 为不限",
        _default(chat.reply, "top_k"), ge=0, le=text.MAX_TOP_K,
    )  # fmt: skip
    repetition_penalty: Number = _said(
        "ours: above 1 discourages tokens that the reply has already", "扩展：大于 1 时少用回复里已有的词元",
        _default(chat.reply, "repetition_penalty"), ge=1, le=text.MAX_PENALTY,
    )  # fmt: skip
    frequency_penalty: Number = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", 0, ge=0, le=0)
    presence_penalty: Number = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", 0, ge=0, le=0)
    user: Text = _said("taken and forgotten", "接受但不使用、不保存", "", max_length=MAX_NAME)


class ImageRequest(_Asked):
    """Draw pictures of a class, or of a number's digits side by side."""

    model_config = ConfigDict(json_schema_extra={"example": {"prompt": "forty-two", "seed": 7}})

    model: Text = _said(
        "an image checkpoint, as /v1/models lists it", "图像模型，见 /v1/models",
        DEFAULTS[IMAGE_GENERATION], max_length=MAX_NAME,
    )  # fmt: skip
    prompt: Text = _said(
        "a class of the model (/v1/models lists them), or a number such as 42, forty-two or 四十二 where the classes "
        "are digits; empty: the classes in turn",
        "模型的一个类别（见 /v1/models）；类别为数字时也可写一个数，如 42、forty-two、四十二；空则各类轮流",
        "", max_length=crossmodal.MAX_NUMBER_TEXT,
    )  # fmt: skip
    n: Whole = _said(
        "how many pictures; each comes from the seed after the last one's", "画几张；种子依次加一",
        1, ge=1, le=MAX_PICTURES,
    )  # fmt: skip
    size: Text = _said(
        'the native size in pixels, such as "32x32", or "auto": enlarged so that pixels are seen as squares',
        "原生像素尺寸，如 “32x32”；或 “auto”：放大，每个像素成一方块", "auto", max_length=20,
    )  # fmt: skip
    response_format: Literal["b64_json", "url"] = _said(
        "the PNG in base64, or as a data: URL; nothing is kept here",
        "base64 的 PNG，或 data: 网址；服务器不留存",
        "b64_json",
    )
    seed: Seed | None = _said(
        "the same seed gives the same pictures; left out, one is drawn and told",
        "同一种子得到同一结果；不填则随机，并写在结果里", None,
    )  # fmt: skip
    truncation: Number = _said(
        "ours: scale of the noise; below 1 is more typical and less varied", "扩展：噪声的尺度；小于 1 更典型，少变化",
        _default(image.draw, "truncation"), ge=image.MIN_TRUNCATION, le=image.MAX_TRUNCATION,
    )  # fmt: skip
    steps: Steps | None = _said(
        "ours, for models that draw in many steps: how many; left out, the model's own number",
        "扩展，用于多步作画的模型：步数；不填则用模型自带的步数",
        None,
    )  # fmt: skip
    guidance: Guidance | None = _said(
        "ours, for models that draw in many steps: how far the class is followed; 1 is as learnt",
        "扩展，用于多步作画的模型：贴近类别的程度，1 为学到的样子",
        None,
    )  # fmt: skip
    output_format: Literal["png"] = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", "png")
    quality: Literal["auto", "standard"] = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", "auto")
    user: Text = _said("taken and forgotten", "接受但不使用、不保存", "", max_length=MAX_NAME)


class Speech(_Asked):
    """Say a number, digit by digit, or read English aloud where a model that does is here; the reply is the sound's
    bytes."""

    model_config = ConfigDict(json_schema_extra={"example": {"input": "四十二", "voice": "jackson", "seed": 1}})

    model: Text = _said(
        "an audio checkpoint, as /v1/models lists it; left out, a text that is no number is read by one that reads "
        "English, where there is one",
        "声音模型，见 /v1/models；不填时，若不是数且有能朗读英文的模型，就由它来读",
        DEFAULTS[AUDIO_GENERATION], max_length=MAX_NAME,
    )  # fmt: skip
    input: Text = _said(
        f"up to {audio.MAX_DIGITS} digits, or a number in English or Chinese words, such as forty-two or 四十二; for a "
        "model that reads: English",
        f"至多 {audio.MAX_DIGITS} 位数字，或英文、中文写的数，如 forty-two、四十二；朗读模型则为英文句子",
        max_length=max(crossmodal.MAX_NUMBER_TEXT, speech.MAX_TEXT),
    )  # fmt: skip
    voice: Text = _said(
        f"a speaker of the model, as /v1/models lists them; one that reads has {ONE_VOICE} alone",
        f"模型的说话人，见 /v1/models；朗读模型只有 {ONE_VOICE}",
        _default(audio.speak, "speaker"), max_length=MAX_NAME,
    )  # fmt: skip
    response_format: Literal["wav", "flac", "pcm"] = _said(
        "pcm is 16-bit little-endian mono; the header x-sample-rate says its rate",
        "pcm 为 16 位小端单声道，采样率见响应头 x-sample-rate", "wav",
    )  # fmt: skip
    speed: Number = _said(
        "how fast a model that reads is to read; digits have a speed of their own", "朗读的语速；读数字的模型语速固定",
        _default(speech.say, "speed"), ge=speech.MIN_SPEED, le=speech.MAX_SPEED,
    )  # fmt: skip
    seed: Seed | None = _said(
        "ours: the same seed gives the same sound; left out, one is drawn, and the header x-seed tells it",
        "扩展：同一种子得到同一声音；不填则随机，见响应头 x-seed", None,
    )  # fmt: skip
    temperature: Number = _said(
        f"ours: 1 samples as trained; lower is steadier. A model that reads takes up to {speech.MAX_TEMPERATURE:g}, "
        f"and {_default(speech.say, 'temperature'):g} where it is left out",
        f"扩展：1 按训练时的分布采样，低则更稳；朗读模型至多 {speech.MAX_TEMPERATURE:g}，"
        f"不填则为 {_default(speech.say, 'temperature'):g}",
        _default(audio.speak, "temperature"), ge=audio.MIN_TEMPERATURE, le=audio.MAX_TEMPERATURE,
    )  # fmt: skip
    stream_format: Literal["audio"] = _said("here for OpenAI's clients", "为兼容 OpenAI 客户端", "audio")


@cache
def properties(asked: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The fields of a request as JSON Schema."""
    found: dict[str, dict[str, Any]] = asked.model_json_schema()["properties"]
    return found


def bounds(asked: type[BaseModel], name: str) -> tuple[float, float]:
    """The least and the greatest value of a number of a request: a slider's ends."""
    found = properties(asked)[name]
    found = next((kind for kind in found.get("anyOf", ()) if "maximum" in kind), found)
    return found["minimum"] if "minimum" in found else found["exclusiveMinimum"], found["maximum"]


def allowed(field: dict[str, Any], language: Literal["en", "zh-CN"] = "en") -> str:
    """What a field of `properties` takes: "a whole number from 1 to 1,000", "1 到 1,000 的整数"."""
    chinese = language == "zh-CN"
    if "anyOf" in field:
        kinds = [allowed(kind, language) for kind in field["anyOf"] if kind.get("type") != "null"]
        return ("，或者 " if chinese else ", or ").join(kinds)
    if "enum" in field or "const" in field:
        values = [str(value) for value in field.get("enum", [field.get("const")])]
        if len(values) == 1:
            return f"只能是 {values[0]}" if chinese else f"{values[0]} alone"
        return f"{'、'.join(values)} 之一" if chinese else f"one of {', '.join(values)}"
    if field.get("type") in ("integer", "number"):
        return _range(field, chinese)
    if field.get("type") == "boolean":
        return "true 或 false" if chinese else "true or false"
    if field.get("type") == "array":
        least, most, item = field.get("minItems", 0), field["maxItems"], allowed(field["items"], language)
        return f"{least} 到 {most} 项的列表，每项 {item}" if chinese else f"a list of {least} to {most}, each {item}"
    if field.get("type") == "string":
        least, most = field.get("minLength", 0), field["maxLength"]
        if chinese:
            return f"{least} 到 {most:,} 个字符的文字" if least else f"至多 {most:,} 个字符的文字"
        return f"text of {least} to {most:,} characters" if least else f"text of at most {most:,} characters"
    return "对象" if chinese else "an object"


def _range(field: dict[str, Any], chinese: bool) -> str:
    low, high = field.get("minimum"), field["maximum"]
    if low == high:
        return f"只能是 {high:g}" if chinese else f"{high:g} alone"
    whole = field["type"] == "integer"
    if low is None:
        above = field["exclusiveMinimum"]
        return f"大于 {above:g}、至多 {high:g} 的数" if chinese else f"a number above {above:g}, up to {high:g}"
    ends = (f"{int(low):,}", f"{int(high):,}") if whole else (f"{low:g}", f"{high:g}")
    if chinese:
        return f"{ends[0]} 到 {ends[1]} 的{'整数' if whole else '数'}"
    return f"a {'whole number' if whole else 'number'} from {ends[0]} to {ends[1]}"
