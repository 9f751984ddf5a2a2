"""Every word of the frame, in English and in Chinese. What models and their cards say is shown as it is.

Labels are translated in the browser (`text`); what the server says itself is translated by `say`, which goes by
the page's `?lang=` and then by the request's Accept-Language. Keys begin with "zoo_": gradio's own namespaces
("image", "audio") would hide ours.
"""

from __future__ import annotations

from typing import Any, Literal

import gradio as gr
from gradio.context import LocalContext

Language = Literal["en", "zh-CN"]

_STRINGS: dict[str, tuple[str, str]] = {
    # frame
    "tab_text": ("Text", "文字"),
    "tab_image": ("Image", "图像"),
    "tab_audio": ("Audio", "声音"),
    "tab_crossmodal": ("Cross-modal", "跨模态"),
    "tab_training": ("Training", "训练"),
    "tab_models": ("Models", "模型"),
    "model": ("Model", "模型"),
    "seed": ("Seed", "种子"),
    "advanced": ("Advanced", "高级选项"),
    "stop": ("Stop", "停止"),
    "source": ("Where this came from", "出处"),
    "source_empty": (
        "The model, its seed, its measured figure and its licence will stand here.",
        "生成之后，这里写明模型、种子、实测指标与许可证。",
    ),
    "no_model": (
        "No model for this is installed yet. The **Models** tab can load one.",
        "这里还没有可用的模型，可以在「模型」页加载。",
    ),
    "temperature": ("Temperature", "温度"),
    "temperature_info": ("Low is safe, high is daring", "低则稳，高则奇"),
    "top_k": ("Top-k (0 = off)", "Top-k（0 为不限）"),
    "top_p": ("Top-p", "Top-p"),
    # text
    "write": ("Write", "写"),
    "compose": ("Compose", "作诗"),
    "continue": ("Continue a text", "续写"),
    "poem": ("Tang poem", "唐诗"),
    "write_intro": (
        "A small model writes on, in the manner of the texts that it has learnt from; its card says which.",
        "小模型接着往下写，文风随它学过的文字；学过什么，见模型卡。",
    ),
    "write_intro_tiny_shakespeare": (
        "A small model that has read only Shakespeare, letter by letter.",
        "一个只读过莎士比亚的小模型，逐个字母地读、逐个字母地写。",
    ),
    "write_intro_fairy_tales": (
        "A small model that has read only the tales of Grimm and the fables of Aesop, in pieces of words.",
        "一个只读过格林童话与伊索寓言（英文）的小模型，以词片为单位。",
    ),
    "write_intro_python_stdlib": (
        "A small model that has read only the source code of Python's standard library. What it writes need not run.",
        "一个只读过 Python 标准库源代码的小模型。写出的代码未必能运行。",
    ),
    "poem_intro": (
        "Classical Chinese poems. The form always holds: so many lines, so many characters.",
        "写近体诗。字数、句数必合体式。",
    ),
    "prompt": ("Beginning", "开头"),
    "prompt_placeholder": ("How should it begin?", "从哪里写起？"),
    "length": ("Length (tokens)", "长度（词元）"),
    "repetition_penalty": ("Repetition penalty", "重复惩罚"),
    "text_result": ("Text", "文字"),
    "text_empty": ("The text will be written here, a character at a time.", "文字将在这里逐字写出。"),
    "poem_result": ("Poem", "诗"),
    "poem_empty": ("诗成于此", "诗成于此"),
    "form": ("Form", "体式"),
    "title": ("Title", "题目"),
    "title_placeholder": ("optional, for example 春望", "可不填，例如 春望"),
    "author": ("In the manner of", "仿作者"),
    "author_placeholder": ("optional, for example 李白", "可不填，例如 李白"),
    "acrostic": ("Acrostic 藏头", "藏头"),
    "acrostic_placeholder": ("first characters of the lines, for example 春夏秋冬", "各句首字，例如 春夏秋冬"),
    # image
    "draw": ("Draw", "画"),
    "group_create": ("Create", "创作"),
    "group_edit": ("Edit", "编辑"),
    "group_restyle": ("Change style", "换风格"),
    "group_restore": ("Restore", "修复"),
    "group_enlarge": ("Enlarge", "放大"),
    "group_walk": ("Walk", "漫游"),
    "image_draw": ("Draw", "画图"),
    "image_slide": ("Sliders", "滑块"),
    "image_arithmetic": ("Sums", "加减"),
    "image_styles": ("One style, every class", "一种风格，各个类别"),
    "image_colour": ("Colour a drawing", "线稿上色"),
    "image_style": ("Another vendor's style", "换一家的画法"),
    "image_restore": ("Restore", "修复"),
    "image_enlarge": ("Enlarge", "放大"),
    "image_traverse": ("One dimension at a time", "逐维观察"),
    "colour_intro": (
        "Draw the lines of an emoji; the model colours them. It has learnt from emoji alone.",
        "画出表情符号的轮廓，模型来上色。它只学过表情符号。",
    ),
    "style_intro": (
        "An emoji as one vendor draws it, redrawn as another would. Any picture can be tried; emoji are what it knows.",
        "把一家画的表情改成另一家的画法。别的图也可以试，但它只认得表情符号。",
    ),
    "restore_intro": (
        "Paint over what is damaged, or let holes and noise be made; the model fills in what it thinks was there.",
        "涂抹要修补的地方，或随机弄出破洞与噪点；模型补上它以为的内容。",
    ),
    "enlarge_intro": (
        "Four times as wide and as high. What was not in the small picture is invented; the model knows emoji alone.",
        "长宽各放大四倍。小图里没有的细节是模型编出来的；它只认得表情符号。",
    ),
    "enlarge_how": ("What is enlarged", "放大什么"),
    "enlarge_as_it_is": ("The picture as it is", "原图"),
    "enlarge_shrunk": ("Made small first, to compare with the original", "先缩小，再放大，与原图对比"),
    "enlarged": ("{given} → {made} pixels", "{given} → {made} 像素"),
    "enlarged_reduced": (
        "{given} pixels are too many: first made smaller, to {seen}; a best effort",
        "{given} 像素太大，先缩到 {seen} 再放大，效果仅供参考",
    ),
    "enlarged_shrunk": (
        "on the left the original, on the right what was made of {seen} pixels of it",
        "左边是原图，右边由缩成 {seen} 像素的小图放大而来",
    ),
    "arithmetic_intro": (
        "Codes can be added: the code of one class less another plus a third, drawn.",
        "编码可以加减：一类减一类再加一类，画出来看。",
    ),
    "slide_intro": (
        "Begin with a picture and move its code towards one class and away from another.",
        "从一张图出发，让它的编码靠近一类、远离另一类。",
    ),
    "traverse_intro": (
        "Each row moves one dimension of the code and leaves the rest: what has it come to mean?",
        "每行只动编码的一个维度，看它学会了表示什么。",
    ),
    "styles_intro": (
        "The model is told the class, so its code is left with the style: a row a style, a column a class.",
        "类别是告诉模型的，编码里只剩风格：一行一种风格，一列一个类别。",
    ),
    "before_after": ("Before and after", "前后对比"),
    "save_picture": ("Save as PNG", "存为 PNG"),
    "examples": ("Pictures to begin with", "可以从这些图开始"),
    "picture": ("Picture", "图"),
    "back": ("The other way round", "反方向"),
    "colour": ("Colour it", "上色"),
    "change_style": ("Change the style", "换风格"),
    "restore": ("Restore", "修复"),
    "enlarge": ("Enlarge", "放大"),
    "calculate": ("Calculate", "计算"),
    "move": ("Move", "移动"),
    "show_them": ("Show", "展示"),
    "how": ("What is wrong with it", "哪里坏了"),
    "how_mask": ("What I marked", "我涂的地方"),
    "how_holes": ("Make holes", "随机破洞"),
    "how_noise": ("Add noise", "加噪点"),
    "how_as_it_is": ("Nothing: as it is", "原样"),
    "how_drawing": ("A drawing", "线稿"),
    "how_edges": ("Its edges", "取轮廓"),
    "strength": ("Strength of the noise", "噪点强度"),
    "no_picture": ("there is no picture; upload one, or click one below", "还没有图；上传一张，或点选下面的一张"),
    "operand_a": ("a", "a"),
    "operand_b": ("− b", "− b"),
    "operand_c": ("+ c", "+ c"),
    "own_drawing": ("A drawing of mine", "我画的图"),
    "my_drawing": ("my drawing", "我画的图"),
    "towards": ("Towards", "靠近"),
    "amount": ("How far", "多远"),
    "dimensions": ("Dimensions", "维度数"),
    "styles": ("Styles", "风格数"),
    "image_mix": ("Mix", "混合"),
    "image_directions": ("Directions", "方向"),
    "mix_intro": (
        "The coarse layers of one picture, the fine layers of another: shape from the first, finish from the second.",
        "一张图的粗层配另一张图的细层：形状取自前者，质地取自后者。",
    ),
    "directions_intro": (
        "Directions that the weights alone tell, without any labels: move a picture along them.",
        "仅由权重就能算出的方向，不需要任何标签：让图沿着它们移动。",
    ),
    "seed_fine": ("Seed of the fine layers", "细层的种子"),
    "crossover": ("Layer to cross over at", "从第几层交换"),
    "mix": ("Mix", "混合"),
    "direction_number": ("Direction", "方向"),
    "translate_intro": (
        "English to Chinese and back, by a small model that has read 22,000 pairs of short sentences.",
        "英译中、中译英。小模型只读过两万多对短句。",
    ),
    "pronounce_intro": (
        "How English words sound, from their spelling alone; no dictionary is looked into.",
        "只凭拼写推断英语单词的读音，不查词典。",
    ),
    "to_translate": ("Text", "原文"),
    "to_translate_empty": ("A short sentence in English or Chinese", "一句简短的英文或中文"),
    "translation_empty": ("It will stand here.", "结果会出现在这里。"),
    "tokens": ("Tokens and how sure the model was", "各个词元与模型的把握"),
    "direction": ("Direction", "方向"),
    "auto": ("By the script", "自动"),
    "beams": ("Beams", "束宽"),
    "translate_it": ("Translate", "翻译"),
    "words": ("Words", "单词"),
    "words_placeholder": ("English words", "英语单词"),
    "pronounce": ("Pronounce", "读音"),
    "the_end": ("(the end)", "（结束）"),
    "best_effort": ("longer than what it has learnt from: a best effort", "比它学过的句子长，仅供参考"),
    "best_effort_strange": (
        "it hardly knows the words of “{sentence}”, or they are of another language: not to be relied on",
        "“{sentence}”里的词它几乎没学过，或不是它学的语言，译文不可靠",
    ),
    "translating": ("Translate", "翻译"),
    "pronouncing": ("Pronounce", "读音"),
    "kept_pictures": ("Kept: click a picture of the sheet", "收藏：点击图中的一格"),
    "chat": ("Chat", "聊天"),
    "filling": ("Fill the blank", "完形填空"),
    "topic": ("Topic", "话题"),
    "comparing": ("Two side by side", "并排对比"),
    "weighing": ("How many bytes?", "多少字节？"),
    "chat_intro": (
        "Small talk in English and Chinese about films, music and travel; the models know nothing else. They have read "
        "what strangers wrote: it may be wrong or rough.",
        "用英文或中文闲聊电影、音乐、旅行。模型只懂这些，而且读的是网友的话，可能有错或粗鲁。",
    ),
    "chat_empty": (
        "What is said will stand here; it is forgotten when the page is closed.",
        "对话会出现在这里，关页即忘。",
    ),
    "message": ("Message", "消息"),
    "message_placeholder": ("Say something", "说点什么"),
    "say_it": ("Send", "发送"),
    "forget": ("Forget it all", "全部忘掉"),
    "found_at": ("found among replies of people, similarity {score:.2f}", "从真人回复中找到，相似度 {score:.2f}"),
    "forgotten": ("{count} older turns no longer fit", "最早的 {count} 句已放不下"),
    "fill_intro": (
        "Write ___ where a word or a Chinese character is missing; the model says what usually stands there.",
        "缺词缺字的地方写 ___，模型说出那里通常是什么。",
    ),
    "with_blanks": ("Text with blanks", "带空的文字"),
    "with_blanks_empty": ("i like the ___ of this movie", "这部电影的___很好看"),
    "candidates": ("Candidates", "候选"),
    "fill_it": ("Fill", "填空"),
    "topic_intro": ("What is this about?", "这句话说的是什么话题？"),
    "tell_it": ("Tell", "判断"),
    "compare_intro": ("One beginning, two models: what have they learnt?", "同一个开头，两个模型各写各的。"),
    "other_model": ("The other model", "另一个模型"),
    "weigh_intro": (
        "A model that finds a text likely can write it in few bytes: likelihood made concrete, beside gzip and xz.",
        "模型觉得越可能的文字，压缩后越短：把似然变成字节，与 gzip、xz 对比。",
    ),
    "weigh": ("Weigh", "称一称"),
    "bytes": ("{count:,} bytes", "{count:,} 字节"),
    "col_bytes": ("bytes", "字节"),
    "col_bits": ("bits a character", "比特/字符"),
    "how_sure": ("How sure it was: point at a token", "模型有多大把握：指向词元查看"),
    "image_morph": ("Morph", "渐变"),
    "image_map": ("Map", "隐空间"),
    "image_redraw": ("Redraw", "重画"),
    "draw_intro": ("New pictures, drawn from noise.", "从噪声里画出的新图。"),
    "morph_intro": (
        "A walk through a model's latent space, from picture to picture.",
        "在模型的隐空间里，从一图走到另一图。",
    ),
    "map_intro": ("A flat slice through the latent space: neighbours look alike.", "隐空间的一个切面：相邻者相似。"),
    "redraw_intro": ("Draw on the pad. The VAE sees it and draws it again.", "在画板上画一笔，VAE 看过之后重画一遍。"),
    "class": ("Class", "类别"),
    "class_all": ("All", "全部"),
    "grid": ("Grid (pictures a side)", "网格（每边张数）"),
    "truncation": ("Truncation", "截断"),
    "truncation_info": ("Below 1: more typical, less varied", "小于 1：更典型，少变化"),
    "steps": ("Steps", "步数"),
    "steps_info": ("More: finer, and as many times slower", "越多越细，也越慢"),
    "guidance": ("Guidance", "引导强度"),
    "guidance_info": ("1: the class as learnt; above: followed further", "1 为学到的样子，越大越贴近类别"),
    "drawing_steps": ("Taking the noise away", "正在去噪"),
    "picture_empty": ("Your pictures will appear here.", "图会出现在这里。"),
    "animation": ("Animation", "动画"),
    "strip": ("The same walk, laid out", "同一段路，铺开来看"),
    "waypoints": ("Waypoints", "途经点"),
    "frames": ("Frames", "帧数"),
    "animate": ("Animate", "生成动画"),
    "show_map": ("Show the map", "展开"),
    "map_size": ("Map size (pictures a side)", "大小（每边张数）"),
    "pad": ("Your drawing", "你的画"),
    "redraw": ("Redraw", "重画"),
    "redraw_result": ("As the model sees it, and as it draws it again", "模型所见，与模型重画"),
    # audio
    "speak": ("Speak", "说"),
    "audio_intro": (
        "Spoken digits, made sample by sample: 8,000 numbers a second.",
        "逐个采样点生成的英文数字读音，每秒 8000 个数。",
    ),
    "digits": ("Digits", "数字"),
    "digits_placeholder": ("one or several, for example 2026", "一个或多个，例如 2026"),
    "speaker": ("Speaker", "说话人"),
    "sound": ("Sound", "声音"),
    "spectrogram": ("Spectrogram", "频谱图"),
    "spectrogram_empty": ("The spectrogram will appear here.", "频谱图会出现在这里。"),
    "sampling": ("Sampling", "正在采样"),
    "notes": ("Notes", "音符"),
    "notes_intro": (
        "One note of an instrument, made sample by sample: 16,000 numbers a second.",
        "逐个采样点生成的乐器单音，每秒 16000 个数。",
    ),
    "note": ("Note", "音高"),
    "drums": ("Drums", "鼓机"),
    "drums_intro": (
        "A small network makes every sound of noise. Set the steps and play; click an instrument to hear it, its die "
        "for another.",
        "每个鼓声都由小网络从噪声生成。点格子编节奏，再播放；点乐器名试听，点骰子换一个音色。",
    ),
    "pattern": ("Pattern", "节奏"),
    "tempo": ("Tempo (beats a minute)", "速度（拍/分钟）"),
    "swing": ("Swing", "摇摆"),
    "bars": ("Bars of four beats", "小节数（每小节四拍）"),
    "kit_seed": ("Seed of the kit", "整套鼓的种子"),
    "instrument": ("Instrument", "乐器"),
    "own_seeds": ("Seeds of single instruments", "单个乐器的种子"),
    "hear": ("Hear {name}", "试听{name}"),
    "reroll": ("Another {name}", "换一个{name}"),
    "clear_steps": ("Clear", "清空"),
    "groove_rock": ("Rock", "摇滚"),
    "groove_house": ("House", "浩室"),
    "groove_hip-hop": ("Hip-hop", "嘻哈"),
    "groove_funk": ("Funk", "放克"),
    "groove_samba": ("Samba", "桑巴"),
    "groove_bossa": ("Bossa nova", "波萨诺瓦"),
    "drum_kick": ("Kick", "底鼓"),
    "drum_snare": ("Snare", "军鼓"),
    "drum_hihat_closed": ("Closed hat", "闭镲"),
    "drum_hihat_open": ("Open hat", "开镲"),
    "drum_tom": ("Tom", "嗵鼓"),
    "drum_cymbal": ("Cymbal", "吊镲"),
    "drum_percussion": ("Percussion", "打击乐"),
    # music
    "harmonise": ("Harmonise", "配和声"),
    "compose_music": ("Compose", "作曲"),
    "harmonise_intro": (
        "Give a melody; the model sets alto, tenor and bass under it. It has learnt from 229 chorales of Bach.",
        "给出旋律，模型配上女低、男高、男低三个声部。它学过巴赫的 229 首众赞歌。",
    ),
    "compose_intro": (
        "A chorale in four voices, from nothing: a note in each voice every sixteenth.",
        "从零写一首四声部众赞歌：每个十六分音符，四个声部各写一个音。",
    ),
    "melody": ("Melody", "旋律"),
    "melody_placeholder": (
        "C4 D4 E4:2 F#4:0.5 Bb4:1.5 r (a rest) | (a bar)",
        "C4 D4 E4:2 F#4:0.5 Bb4:1.5 r（休止）|（小节线）",
    ),
    "melody_file": ("From a MIDI file", "取自 MIDI 文件"),
    "piano_roll": ("Piano roll", "钢琴卷帘"),
    "save_midi": ("Save as MIDI", "存为 MIDI"),
    "writing_music": ("Writing", "正在写"),
    "moved_up": (
        "the melody was moved up by {count} semitones, to where a soprano sings",
        "旋律上移 {count} 个半音，以合女高音音域",
    ),
    "moved_down": (
        "the melody was moved down by {count} semitones, to where a soprano sings",
        "旋律下移 {count} 个半音，以合女高音音域",
    ),
    "moved_up_octaves": ("the melody was moved up, by octaves: {count}", "旋律上移 {count} 个八度，以合女高音音域"),
    "moved_down_octaves": ("the melody was moved down, by octaves: {count}", "旋律下移 {count} 个八度，以合女高音音域"),
    "read_aloud": ("Read aloud", "朗读"),
    "read_aloud_intro": (
        "Type English: the words become phonemes, the phonemes a spectrogram, and that sound, by three small models.",
        "输入英文：单词变成音素，音素变成频谱，频谱变成声音，由三个小模型接力完成。",
    ),
    "to_say": ("Text to read", "要读的文字"),
    "to_say_empty": ("English, at most 300 characters", "英文，最多 300 个字符"),
    "speech_speed": ("Speed", "语速"),
    "said": ("As it is pronounced", "读音"),
    "spelt_out": (
        "underlined words are not in the voice's list: {model} pronounced them",
        "带下划线的词不在词表里，读音由 {model} 推测",
    ),
    "resynthesise": ("Resynthesise", "重新合成"),
    "resynthesis_intro": (
        "Your voice as a picture of its tones, and sound made of that picture again: by a flow, and without a model.",
        "把你的声音变成音高的图像，再由图像变回声音：一次用流模型，一次不用模型。",
    ),
    "voice_recording": ("A voice, at most 10 seconds", "一段人声，最长 10 秒"),
    "spectrograms": ("Spectrograms: recorded, by the flow, by Griffin-Lim", "频谱图：原录音、流模型、Griffin-Lim"),
    "as_recorded": ("As recorded", "原录音"),
    "by_the_flow": ("By the flow", "流模型"),
    "by_griffin_lim": ("By Griffin-Lim, without a model", "Griffin-Lim（不用模型）"),
    "distances": (
        "distance from the recording {vocoded}; by Griffin-Lim {plain} (0 is the same)",
        "与录音的距离 {vocoded}；Griffin-Lim {plain}（0 为相同）",
    ),
    "known_emoji": ("learnt from: {emoji}", "学过的表情：{emoji}"),
    "unknown_emoji": (
        "it has learnt from no emoji of this name, so it is a best effort; the nearest: {emoji}",
        "没有学过叫这个名字的表情，尽力而画；学过的里面最接近的是：{emoji}",
    ),
    # cross-modal
    "cross_intro": (
        "Give a number in any form. The judges say what they saw or heard; the other forms are made from it.",
        "用任何方式给出一个数。判别模型说出它看见或听见了什么，再由此生成其余形式。",
    ),
    "type": ("Type", "打字"),
    "sketch": ("Draw", "手写"),
    "voice": ("Speak", "说话"),
    "number": ("A number", "一个数"),
    "number_placeholder": ("seven, 七, 42, forty-two …", "七、42、四十二、seven ……"),
    "drawing": ("Draw one digit", "写一个数字"),
    "recording": ("Say one digit in English", "用英语说一个数字"),
    "translate": ("Turn it into the others", "化作其余形式"),
    "recognised": ("What the judge makes of it", "判别模型的判断"),
    "in_words": ("In words", "文字"),
    "words_empty": ("seven · 七", "seven · 七"),
    "as_picture": ("As a picture", "图像"),
    "as_sound": ("As a sound", "声音"),
    "unsure": ("The judge is unsure; this is its best guess.", "判别模型也拿不准，这是它最好的猜测。"),
    "by_joint": ("A digit by one model", "联合模型"),
    "by_map": ("The plane", "共享平面"),
    "joint_intro": (
        "One model for all three. Give a word, a drawing, a recording, any of them together or none; beside it stands "
        "what the steps make of the same.",
        "一个模型兼管三种形式。词语、手写、录音，给一种、几种或都不给；旁边是逐步转换的结果，可作对照。",
    ),
    "plane_intro": (
        "What the three forms share is a plane. Click a place: what is written, said and meant there?",
        "三种形式共有的，是一个平面。点一处，看那里写什么、读什么、是什么。",
    ),
    "digit": ("A digit, or its word", "一个数字或它的词"),
    "digit_placeholder": ("7, seven, 七, or nothing", "7、seven、七，也可留空"),
    "drawing_optional": ("A drawn digit, or nothing", "手写一个数字，也可留空"),
    "recording_optional": ("A digit said in English, or nothing", "用英语说一个数字，也可留空"),
    "join": ("Make all three", "生成三种形式"),
    "one_model": ("By the joint model", "联合模型所作"),
    "step_by_step": ("By steps", "逐步转换所作"),
    "plane": ("The plane", "共享平面"),
    "place_across": ("Across", "横坐标"),
    "place_up": ("Up", "纵坐标"),
    "show_place": ("What is there?", "那里是什么"),
    "coherence": ("How often the forms agree, measured", "各形式的一致率（实测）"),
    "coherence_intro": (
        "Down: what is given. Across: what is made of it. The share, judged on test data, that is the same digit.",
        "行是给出的形式，列是由它生成的形式；数字是在测试数据上评判为同一个数字的比例。",
    ),
    "numbers": ("A number in every form", "一个数的各种形式"),
    "finding": ("Find an emoji", "找表情"),
    "describing": ("Name a picture", "给图起名"),
    "captioning": ("Say what a picture shows", "看图说话"),
    "prompting": ("Draw from words", "按文字画"),
    "assistant": ("Assistant", "助手"),
    "assistant_intro": (
        "Say something in English or Chinese: the answer comes in text, in voice and with a picture, and each step "
        "says which small model took it. A number is written, drawn and said. The voice reads English alone.",
        "用英文或中文说点什么：回答有文字、有声音、有图，每一步由哪个小模型完成都写明。说一个数，就把它写出、画出、读出。"
        "朗读只会英文。",
    ),
    "assistant_voice_intro": (
        "By ear it knows the ten English digits and nothing else: whatever is said, it hears a digit.",
        "它只听得懂十个英文数字：无论说什么，都会听成一个数字。",
    ),
    "save_answer": ("Save it all as one file (ZIP)", "整个存为一个文件（ZIP）"),
    "no_sound_made": ("no voice: {why}", "没有声音：{why}"),
    "no_picture_made": ("no picture: {why}", "没有图：{why}"),
    "by_rule": ("by rule, without a model", "按规则，不用模型"),
    "step_heard": ("heard", "听"),
    "step_read": ("read as a number", "读作一个数"),
    "step_named": ("put in words", "写成文字"),
    "step_replied": ("written", "写回复"),
    "step_retrieved": ("found among replies of people", "从真人回复中找到"),
    "step_pronounced": ("pronounced", "标音"),
    "step_voiced": ("read, as a spectrogram", "朗读（成频谱）"),
    "step_sounded": ("made heard", "变成声音"),
    "step_spoke": ("said", "读出"),
    "step_drew": ("drawn", "画图"),
    "step_found": ("emoji found", "找到表情"),
    "step_joined": ("drawn and said", "画出并读出"),
    "prompting_intro": (
        "Say what to draw, in English or Chinese, and choose a style. A small model that has learnt from emoji of "
        "faces, animals and food alone draws it; what it has never seen it draws as well as it can.",
        "用中文或英文说要画什么，再选风格。小模型只学过表情里的脸、动物和食物；没见过的东西它只能尽力。",
    ),
    "prompt_to_draw": ("What to draw", "画什么"),
    "style": ("Style", "风格"),
    "finding_intro": (
        "Say what it shows, in English or Chinese. A model that has learnt which words belong to which picture finds "
        "the nearest of 1,906 emoji. What there is no emoji of is answered with the nearest there is: mind the share.",
        "用中文或英文说说它画的是什么。模型学过哪些词配哪张图，从 1906 个表情里找出最接近的。没有对应的表情时，"
        "给出的是相对最近的：请看比例。",
    ),
    "describing_intro": (
        "Give an emoji or another simple picture on white; the model says which names fit. It has learnt emoji alone.",
        "给一张表情或别的白底简单图像，模型说出哪些名称合适。它只学过表情。",
    ),
    "captioning_intro": (
        "Give a picture of one thing on white, such as an emoji, or draw a digit: the model looks at it and writes, "
        "token by token, what it shows. It has learnt the names of emoji and of the ten digits alone; of anything else "
        "it says what it looks like. Mind how sure it was.",
        "给一张白底、只画一样东西的图（例如表情），或手写一个数字：模型看着图，逐个词元写出它是什么。它只学过表情的名称和十个"
        "数字；别的东西它只会说像什么。请看它有多大把握。",
    ),
    "upload": ("Upload", "上传"),
    "words_in": ("Say it in", "用哪种语言说"),
    "caption_it": ("Say what it shows", "说说看"),
    "caption_empty": ("The words will stand here.", "文字会出现在这里。"),
    "weighed": ("also weighed: {others}", "还考虑过：{others}"),
    "description": ("What it shows", "它画的是什么"),
    "description_empty": ("a happy cat", "一只开心的猫"),
    "find_it": ("Find", "查找"),
    "describe_it": ("Name it", "起名"),
    "names_in": ("Compared with names in", "与哪种语言的名称比较"),
    "how_many": ("How many", "找几个"),
    "found": ("Found", "找到的"),
    # training
    "course": ("Timeline", "时间线"),
    "course_intro": (
        "Watch a model learn. Every moment starts from the same noise; only the model has changed.",
        "看模型一步步学会。每一刻都用同一份噪声，变的只有模型。",
    ),
    "no_timeline": (
        "No model here has a timeline of its training yet. The **Models** tab can load one that has.",
        "这里还没有带训练时间线的模型，可以在「模型」页加载一个。",
    ),
    "moment": ("Moment of training", "训练的时刻"),
    "play": ("Play", "播放"),
    "moment_result": ("What the model makes", "模型所作"),
    "moment_empty": ("Choose a model.", "请选一个模型。"),
    "curves": ("Curves of the training", "训练曲线"),
    "curve_training": ("Training loss", "训练损失"),
    "curve_generator": ("generator", "生成器"),
    "curve_discriminator": ("discriminator", "判别器"),
    "curve_log": ("log scale", "对数刻度"),
    "curve_validation": ("Validation: {name}", "验证集{name}"),
    "curve_best": ("best {value} at step {step:,}", "最佳 {value}，第 {step:,} 步"),
    "curve_steps": ("training steps, square-root scale", "训练步数，平方根刻度"),
    "moment_line": ("step {step:,} of {steps:,}", "第 {step:,} 步，共 {steps:,} 步"),
    "moment_validation": ("validation {name}", "验证集{name}"),
    "moment_size": ("{count} moments in {size}", "{count} 个时刻，共 {size}"),
    "confusion": (
        "a row for each class, a column for each answer: the whiter, the more often",
        "每行一个真实类别，每列一个回答，越白越常见",
    ),
    "doctor": ("Doctor", "诊断"),
    "doctor_intro": (
        "What is wrong with a training run, shown by its own figures, and what to try.",
        "一次训练出了什么毛病，用它自己的数据说话，并给出可试的办法。",
    ),
    "doctor_gallery": ("Gallery", "病例"),
    "doctor_gallery_intro": ("Runs that were broken on purpose.", "故意弄坏的训练。"),
    "doctor_own": ("Your own", "自己的"),
    "doctor_own_intro": (
        "The log.jsonl of your run and, if you have it, its run.json. Nothing is kept.",
        "上传训练的 log.jsonl，若有 run.json 也一并上传。不会保存。",
    ),
    "doctor_run": ("Run", "训练"),
    "doctor_files": ("log.jsonl, run.json", "log.jsonl、run.json"),
    "doctor_examine": ("Examine", "诊断"),
    "doctor_report": ("Diagnosis", "诊断结果"),
    "doctor_findings": ("Findings", "发现"),
    "doctor_empty": ("The findings will appear here.", "诊断结果会出现在这里。"),
    "doctor_healthy": ("Healthy: {count} checks, no alarm.", "健康：做了 {count} 项检查，没有警报。"),
    "doctor_ill": ("Alarms: {alarms}, from {count} checks.", "{count} 项检查，{alarms} 个警报。"),
    "doctor_language": ("en", "zh"),
    "doctor_alarm": ("Alarm", "警报"),
    "doctor_note": ("Note", "提示"),
    "doctor_remedy": ("What to try", "可以一试"),
    "doctor_looked": ("What was looked for", "检查了什么"),
    "doctor_clear": ("not found", "未发现"),
    "doctor_unmeasured": ("not measured, for want of {missing}", "未测，缺少 {missing}"),
    "doctor_dimension": ("{name}, by dimension", "{name}，按维度"),
    "doctor_unreadable": ("The doctor cannot read this run: {why}", "读不懂这次训练：{why}"),
    "doctor_odd": ("a value is of a kind that it does not expect", "有一个值的类型不对"),
    # replay
    "catalogue": ("Catalogue", "目录"),
    "replay": ("Replay", "复现"),
    "replay_intro": (
        "Drop a picture, a sound or a text that was made here. The file says how, and it is made again.",
        "放入一个在这里做出的图、声音或文字。文件里写着它的来历，照此再做一遍。",
    ),
    "replay_file": ("PNG, WAV, WEBP, GIF, MIDI, TXT or ZIP", "PNG、WAV、WEBP、GIF、MIDI、TXT 或 ZIP"),
    "replay_run": ("Make it again", "再做一遍"),
    "replay_report": ("What the file says, and what came of it", "文件所述与复现的结果"),
    "replay_data": ("The same as data", "同样内容的数据"),
    "replay_empty": ("What the file says of itself will stand here.", "文件对自己的说明会出现在这里。"),
    "replay_nothing": ("There is no file yet. Drop one first.", "还没有文件，先放一个进来吧。"),
    "replay_running": ("Being made again …", "正在再做一遍……"),
    "replay_identical": ("The same, byte for byte.", "完全相同，逐字节一致。"),
    "replay_same": ("The same result.", "结果相同。"),
    "replay_unlike": ("Not the same.", "不相同。"),
    "replay_impossible": ("It cannot be made again here.", "在这里无法再做一遍。"),
    "replay_says": ("What the file says", "文件所述"),
    "replay_mark": ("Made by a machine", "由人工智能生成"),
    "replay_version": ("Model Zoo {version}", "模型园 {version}"),
    "replay_operation": ("Operation", "操作"),
    "replay_parameters": ("Parameters", "参数"),
    "replay_weights": ("Weights", "权重"),
    "replay_revision": ("Revision", "版本"),
    "replay_sha256": ("sha256", "sha256"),
    "replay_step": ("Step {number}", "第 {number} 步"),
    "replay_stale": ("it does not follow from the parts", "与各部分不符"),
    "replay_before": ("In the file", "文件里的"),
    "replay_after": ("Made again", "再做的"),
    "save_gif": ("Save as GIF", "存为 GIF"),
    "save_text": ("Save as TXT", "存为 TXT"),
    # models
    "models_intro": (
        "What is in the zoo. Every figure was measured, and `python -m zoo verify --all` measures it again.",
        "园中所有模型。每个数字都是实测的，`python -m zoo verify --all` 可以重新测一遍。",
    ),
    "table": ("Models", "模型"),
    "card": ("Model card", "模型卡"),
    "show_card": ("Show its card", "看模型卡"),
    "add": ("Load another", "加载别的模型"),
    "add_label": ("Hub id or local folder", "Hub 名称或本地文件夹"),
    "add_placeholder": (
        "user/name, user/name@revision, or /path/to/folder",
        "user/name、user/name@revision 或 /文件夹路径",
    ),
    "add_button": ("Load", "加载"),
    "added": ("{name} is loaded. Its tab now offers it.", "{name} 已加载，可在对应的页里选用。"),
    # said by the server
    "error_input": ("That will not work", "这样不行"),
    "error_inside": ("Something went wrong", "出了点问题"),
    "incident": (
        "It is not your fault. If you report it, give this number: {number}.",
        "不是你的错。反馈时请附上编号 {number}。",
    ),
    "too_long": (
        "A text may have at most {limit:,} characters; this has {given:,}.",
        "文字最多 {limit} 个字符，这里有 {given} 个。",
    ),
    "not_finite": ("A number must be finite; this is {given}.", "数必须是有限的，这里是 {given}。"),
    "not_side": ("A grid has 1 to 10 pictures a side, not {given}.", "网格每边 1 到 10 张，不能是 {given}。"),
    "nothing_drawn": ("The pad is empty. Draw something first.", "画板还是空的，先画点什么吧。"),
    "nothing_heard": ("There is no recording yet. Record or upload one first.", "还没有录音，先录一段或上传一段吧。"),
    "busy": ("Others are being served. Please try again in a moment.", "正在为别人服务，请稍后再试。"),
    "too_often": (
        "Too many requests. Please wait {seconds} seconds.",
        "请求太频繁，请等 {seconds} 秒再试。",
    ),
    "line_full": (
        "{waiting} others are waiting, which takes about {when}. Please come back then.",
        "前面还有 {waiting} 人在等，大约要 {when}。请到时再来。",
    ),
    "seconds": ("{count} seconds", "{count} 秒"),
    "minutes": ("{count} minutes", "{count} 分钟"),
    "nobody_there": (
        "Your turn came and nobody was there to hear it. Please ask again.",
        "轮到你时没有人在听。请再试一次。",
    ),
    "closing": (
        "The zoo is being started anew. Please try again in a minute.",
        "本站正在重新启动，请一分钟后再试。",
    ),
    "too_slow": ("This took longer than {seconds} seconds and was stopped.", "已超过 {seconds} 秒，停止了。"),
    "speed": ("{tokens} tokens · {rate} tokens/s", "{tokens} 个词元 · 每秒 {rate} 个"),
    "bad_value": ("One of the values cannot be used here.", "有一个值在这里不能用。"),
    # the documentation of /v1
    "api_title": ("API", "接口"),
    "api_intro": (
        "The models of this zoo for other programs, in the shapes of OpenAI's API: its clients work as they are. "
        "Requests wait in one queue with the page's visitors.",
        "供其他程序使用的接口，格式与 OpenAI 的 API 相同，它的客户端可直接使用。请求与网页访客同排一队。",
    ),
    "api_key_open": ("No key is asked here.", "这里不需要密钥。"),
    "api_key_closed": (
        "This server wants a key: Authorization: Bearer YOUR_KEY.",
        "这台服务器需要密钥：Authorization: Bearer 你的密钥。",
    ),
    "api_key": ("Key", "密钥"),
    "api_description": ("The same for machines", "机器可读的版本"),
    "api_list_models": (
        "List the checkpoints that are installed, where each is asked, and its classes, voices or forms.",
        "列出已安装的模型：在哪里调用，有哪些类别、说话人或体式。",
    ),
    "api_get_model": ("Describe one checkpoint.", "查看一个模型。"),
    "api_complete": (
        "Write a text, or a Chinese poem by its form, at once or as a stream of server-sent events that ends in "
        "data: [DONE].",
        "续写文字，或按体式作诗；一次返回，或以 server-sent events 流式返回，以 data: [DONE] 结束。",
    ),
    "api_chat": (
        "Answer the last message of a conversation, at once or as a stream of server-sent events that ends in "
        "data: [DONE].",
        "回答一段对话的最后一条消息；一次返回，或以 server-sent events 流式返回，以 data: [DONE] 结束。",
    ),
    "api_draw": (
        "Draw pictures of a class, or of the digits of a number. Each PNG says in itself how it was made.",
        "画一个类别，或一个数的各位数字。每个 PNG 都自带生成记录。",
    ),
    "api_speak": (
        "Say a number, digit by digit, or read an English sentence where a model that does is here. The reply is the "
        "sound itself; a WAV says in itself how it was made.",
        "逐位读出一个数；若有朗读模型，也能读英文句子。直接返回声音，WAV 自带生成记录。",
    ),
    "api_parameter": ("Parameter", "参数"),
    "api_takes": ("Takes", "取值"),
    "api_default": ("Default", "默认"),
    "api_meaning": ("Meaning", "含义"),
    "api_required": ("required", "必填"),
    "api_reply": ("Reply", "返回"),
    "api_try": ("Try it", "试一试"),
    "api_send": ("Send", "发送"),
    "api_errors": ("Refusals", "出错时"),
    "api_errors_intro": (
        'Each is {"error": {"message", "type", "param", "code"}}; the message says what is allowed.',
        '格式都是 {"error": {"message", "type", "param", "code"}}，message 说明允许什么。',
    ),
    "api_400": ("A value, a parameter or the JSON cannot be used.", "某个取值、参数或 JSON 不能用。"),
    "api_401": ("The key is missing or wrong.", "没有密钥，或密钥不对。"),
    "api_404": ("There is no such checkpoint or address.", "没有这个模型或地址。"),
    "api_413": ("The request is too large.", "请求太大。"),
    "api_429": ("Too many requests at once.", "请求太频繁。"),
    "api_503": ("Too many are waiting, or it took too long. Try again later.", "排队的太多，或用时过长，请稍后再试。"),
    "api_limits": ("Limits", "限制"),
    "api_limits_line": (
        "{kb} KB a request; {burst} requests at once, then {rate} a second; {queue} may wait, for at most {wait} "
        "seconds; one is served at a time, for at most {run} seconds.",
        "每个请求至多 {kb} KB；一次可连发 {burst} 个，之后每秒 {rate} 个；至多 {queue} 个排队，最长等 {wait} 秒；"
        "一次服务一个，最长 {run} 秒。",
    ),
    # columns of the table of models
    "col_name": ("Model", "模型"),
    "col_task": ("Task", "任务"),
    "col_figure": ("Figure", "指标"),
    "col_parameters": ("Parameters", "参数量"),
    "col_size": ("MB", "MB"),
    "col_licence": ("Licence", "许可证"),
    "col_data": ("Data", "数据"),
}

_FIGURES = {
    "loss": "损失",
    "discriminator_loss": "判别器损失",
    "reconstruction": "重建",
    "kl": "KL",
    "accuracy": "准确率",
    "cross-entropy": "交叉熵",
    "judge agreement": "评判一致率",
    "conditional coherence": "条件一致率",
    "joint coherence": "联合一致率",
    "Fréchet distance": "Fréchet 距离",
    "negative log-likelihood": "负对数似然",
    "negative ELBO": "负 ELBO",
    "bits a character": "比特/字符",
    "perplexity": "困惑度",
    "bits a sample": "比特/采样点",
    "spectral distance": "频谱距离",
    "words understood": "听懂的词",
    "flow error": "流误差",
    "duration error": "时长误差",
    "nats a quarter": "每四分音符纳特",
    "nats a sixteenth": "每十六分音符纳特",
    "notes on the beat": "拍上音符准确率",
}
"""Figures of logs, whose names are English already, in Chinese."""

_HEADER = """
<header class="zoo-header">
  <a class="zoo-brand" href="." aria-label="{home}">
    <svg viewBox="0 0 40 40" width="40" height="40" aria-hidden="true">
      <rect x="1" y="1" width="38" height="38" rx="7" fill="var(--zoo-seal)"/>
      <g fill="none" stroke="var(--zoo-seal-ink)" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round">
        <path d="M9 11h9L9 20h9"/><circle cx="27.5" cy="15.5" r="4.6"/>
        <path d="M9 29c3-5 6-5 9 0s6 5 9 0 3.5-3.5 5-3.5"/>
      </g>
    </svg>
    <span><b>{name}</b><small>{motto}</small></span>
  </a>
  <nav class="zoo-switches">
    <button type="button" id="zoo-language" data-zoo-language="{other}" lang="{other}"
      title="{switch}">{language}</button>
    <button type="button" id="zoo-shade" title="{shade}" aria-label="{shade}">
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><circle cx="10" cy="10" r="7.2" fill="none"
      stroke="currentColor" stroke-width="1.5"/><path d="M10 2.8a7.2 7.2 0 0 1 0 14.4z" fill="currentColor"/></svg>
    </button>
  </nav>
</header>
"""
_HEADERS = (
    _HEADER.format(
        home="Model zoo", name="Model Zoo", motto="Small generative models, written and trained from scratch",
        other="zh-CN", switch="切换到中文", language="中文", shade="Light or dark",
    ),
    _HEADER.format(
        home="模型园", name="模型园", motto="从零写成、从零训练的小型生成模型",
        other="en", switch="Switch to English", language="English", shade="浅色或深色",
    ),
)  # fmt: skip

_PRIVACY = """<p class="zoo-privacy">{words}</p>"""
_RUNS = """<a href="gradio_api/runs" target="_blank" rel="noopener">{words}</a>"""
_PRIVACIES = (
    _PRIVACY.format(
        words="What you type, draw or say here serves to answer you, is in no log, and is gone from this server within "
        f"70 minutes; {_RUNS.format(words='the history of your runs')} stays in your browser. All that you see and "
        "hear was made by machines, and each file says so, with its licence."
    ),
    _PRIVACY.format(
        words="您输入、绘制或录下的内容只用于生成结果，不写入日志，最迟 70 分钟后从服务器上删除；"
        f"{_RUNS.format(words='运行记录')}只保存在您自己的浏览器中。页面上的内容均由机器生成，每个文件都注明这一点及其许可。"
    ),
)

_ALL = {**_STRINGS, "header": _HEADERS, "privacy": _PRIVACIES}
TRANSLATIONS = gr.I18n(
    **{
        language: {f"zoo_{key}": pair[index] for key, pair in _ALL.items()}
        for language, index in (("en", 0), ("zh-CN", 1))
    }
)
"""For `launch(i18n=...)`. The gate makes every browser's language one of these two."""


def text(key: str) -> Any:
    """A label that the browser translates."""
    if key not in _ALL:
        raise KeyError(key)
    return TRANSLATIONS(f"zoo_{key}")


def english(key: str) -> str:
    """The English words, where the browser does not translate (the choices of a picker)."""
    return _ALL[key][0]


def chinese(key: str) -> str:
    """The Chinese words, likewise."""
    return _ALL[key][1]


def both(key: str) -> str:
    """The words in both languages, where gradio takes none that the browser translates."""
    return english(key) if english(key) == chinese(key) else f"{english(key)} · {chinese(key)}"


def figure(name: str) -> str:
    """The name of a figure of a log in the language of the request being served; an unknown one stays as it is."""
    plain = {"discriminator_loss": "discriminator loss", "kl": "KL"}.get(name, name)
    return _FIGURES.get(name, name) if language_of(LocalContext.request.get(None)) == "zh-CN" else plain


def language_of(request: Any) -> Language:
    """The language of a request: its `?lang=`, else the first of its Accept-Language."""
    if request is None:
        return "en"
    wanted = str(request.query_params.get("lang") or request.headers.get("accept-language") or "en")
    return "zh-CN" if wanted.lower().startswith("zh") else "en"


def say(key: str, **values: object) -> str:
    """Words that the server says, in the language of the request being served."""
    index = 1 if language_of(LocalContext.request.get(None)) == "zh-CN" else 0
    return _STRINGS[key][index].format(**values)
