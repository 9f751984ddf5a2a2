/** Every word of the page, in English and in Chinese. What models and their cards say is shown as it is. */

/** @type {Record<string, [string, string]>} */
export const STRINGS = {
  // frame
  name: ["Model Zoo", "模型园"],
  motto: ["Small generative models, written and trained from scratch", "从零写成、从零训练的小型生成模型"],
  here: ["Everything runs in this browser, on your device. Nothing you type, draw or say leaves it.", "一切都在你的浏览器里运算，所写、所画、所说都不会离开这台设备。"],
  switch_language: ["切换到中文", "Switch to English"],
  other_language: ["中文", "English"],
  shade: ["Light or dark", "浅色或深色"],
  tab_text: ["Text", "文字"],
  tab_image: ["Image", "图像"],
  tab_audio: ["Audio", "声音"],
  tab_crossmodal: ["Cross-modal", "跨模态"],
  tab_models: ["Models", "模型"],
  skip: ["Skip to the controls", "跳到操作区"],
  model: ["Model", "模型"],
  seed: ["Seed", "种子"],
  dice: ["Roll another seed and run", "换一个种子并运行"],
  advanced: ["Advanced", "高级选项"],
  stop: ["Stop", "停止"],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],
  save: ["Save", "保存"],
  result: ["Result", "结果"],
  source: ["Where this came from", "出处"],
  source_empty: [
    "The model, its seed, its measured figure and its licence will stand here.",
    "生成之后，这里写明模型、种子、实测指标与许可证。",
  ],
  temperature: ["Temperature", "温度"],
  temperature_info: ["Low is safe, high is daring", "低则稳，高则奇"],
  top_k: ["Top-k (0 = off)", "Top-k（0 为不限）"],
  top_p: ["Top-p", "Top-p"],
  // text
  write: ["Write", "写"],
  compose: ["Compose", "作诗"],
  continue: ["Continue a text", "续写"],
  poem: ["Tang poem", "唐诗"],
  write_intro: [
    "A small model writes on, in the manner of the texts that it has learnt from; its card says which.",
    "小模型接着往下写，文风随它学过的文字；学过什么，见模型卡。",
  ],
  write_intro_tiny_shakespeare: [
    "A small model that has read only Shakespeare, letter by letter.",
    "一个只读过莎士比亚的小模型，逐个字母地读、逐个字母地写。",
  ],
  write_intro_fairy_tales: [
    "A small model that has read only the tales of Grimm and the fables of Aesop, in pieces of words.",
    "一个只读过格林童话与伊索寓言（英文）的小模型，以词片为单位。",
  ],
  write_intro_python_stdlib: [
    "A small model that has read only the source code of Python's standard library. What it writes need not run.",
    "一个只读过 Python 标准库源代码的小模型。写出的代码未必能运行。",
  ],
  poem_intro: [
    "Classical Chinese poems. The form always holds: so many lines, so many characters.",
    "写近体诗。字数、句数必合体式。",
  ],
  prompt: ["Beginning", "开头"],
  prompt_placeholder: ["How should it begin?", "从哪里写起？"],
  length: ["Length (tokens)", "长度（词元）"],
  repetition_penalty: ["Repetition penalty", "重复惩罚"],
  text_empty: ["The text will be written here, a character at a time.", "文字将在这里逐字写出。"],
  poem_empty: ["诗成于此", "诗成于此"],
  form: ["Form", "体式"],
  title: ["Title", "题目"],
  title_placeholder: ["optional, for example 春望", "可不填，例如 春望"],
  author: ["In the manner of", "仿作者"],
  author_placeholder: ["optional, for example 李白", "可不填，例如 李白"],
  acrostic: ["Acrostic 藏头", "藏头"],
  acrostic_placeholder: ["first characters of the lines, for example 春夏秋冬", "各句首字，例如 春夏秋冬"],
  speed: ["{tokens} tokens · {rate} tokens/s", "{tokens} 个词元 · 每秒 {rate} 个"],
  chat: ["Chat", "聊天"],
  chat_intro: [
    "Small talk in English and Chinese about films, music and travel; the models know nothing else. They have read what strangers wrote: it may be wrong or rough.",
    "用英文或中文闲聊电影、音乐、旅行。模型只懂这些，而且读的是网友的话，可能有错或粗鲁。",
  ],
  chat_empty: ["What is said will stand here; it is forgotten when the page is closed.", "对话会出现在这里，关页即忘。"],
  message: ["Message", "消息"],
  message_placeholder: ["Say something", "说点什么"],
  say_it: ["Send", "发送"],
  forget: ["Forget it all", "全部忘掉"],
  forgotten: ["{count} older turns no longer fit", "最早的 {count} 句已放不下"],
  filling: ["Fill the blank", "完形填空"],
  fill_intro: [
    "Write ___ where a word or a Chinese character is missing; the model says what usually stands there.",
    "缺词缺字的地方写 ___，模型说出那里通常是什么。",
  ],
  with_blanks: ["Text with blanks", "带空的文字"],
  with_blanks_empty: ["i like the ___ of this movie", "这部电影的___很好看"],
  fill_it: ["Fill", "填空"],
  candidates: ["Candidates", "候选"],
  topic: ["Topic", "话题"],
  topic_intro: ["What is this about?", "这句话说的是什么话题？"],
  tell_it: ["Tell", "判断"],
  text_result: ["Text", "文字"],
  translating: ["Translate", "翻译"],
  pronouncing: ["Pronounce", "读音"],
  translate_intro: [
    "English to Chinese and back, by a small model that has read 22,000 pairs of short sentences.",
    "英译中、中译英。小模型只读过两万多对短句。",
  ],
  pronounce_intro: [
    "How English words sound, from their spelling alone; no dictionary is looked into.",
    "只凭拼写推断英语单词的读音，不查词典。",
  ],
  to_translate: ["Text", "原文"],
  to_translate_empty: ["A short sentence in English or Chinese", "一句简短的英文或中文"],
  translation_empty: ["It will stand here.", "结果会出现在这里。"],
  direction: ["Direction", "方向"],
  auto: ["By the script", "自动"],
  translate_it: ["Translate", "翻译"],
  words: ["Words", "单词"],
  words_placeholder: ["English words", "英语单词"],
  pronounce: ["Pronounce", "读音"],
  best_effort: ["longer than what it has learnt from: a best effort", "比它学过的句子长，仅供参考"],
  best_effort_strange: [
    "it hardly knows the words of “{sentence}”, or they are of another language: not to be relied on",
    "“{sentence}”里的词它几乎没学过，或不是它学的语言，译文不可靠",
  ],
  // image
  draw: ["Draw", "画"],
  image_draw: ["Draw", "画图"],
  image_morph: ["Morph", "渐变"],
  image_map: ["Map", "隐空间"],
  image_redraw: ["Redraw", "重画"],
  draw_intro: ["New pictures, drawn from noise.", "从噪声里画出的新图。"],
  morph_intro: [
    "A walk through a model's latent space, from picture to picture.",
    "在模型的隐空间里，从一图走到另一图。",
  ],
  map_intro: ["A flat slice through the latent space: neighbours look alike.", "隐空间的一个切面：相邻者相似。"],
  redraw_intro: ["Draw on the pad. The VAE sees it and draws it again.", "在画板上画一笔，VAE 看过之后重画一遍。"],
  class: ["Class", "类别"],
  class_all: ["All", "全部"],
  grid: ["Grid (pictures a side)", "网格（每边张数）"],
  truncation: ["Truncation", "截断"],
  truncation_info: ["Below 1: more typical, less varied", "小于 1：更典型，少变化"],
  picture_empty: ["Your pictures will appear here.", "图会出现在这里。"],
  picture_of: ["Pictures by {name}, seed {seed}", "{name} 所画，种子 {seed}"],
  strip: ["The same walk, laid out", "同一段路，铺开来看"],
  play: ["Play", "播放"],
  pause: ["Pause", "暂停"],
  waypoints: ["Waypoints", "途经点"],
  frames: ["Frames", "帧数"],
  animate: ["Animate", "生成动画"],
  show_map: ["Show the map", "展开"],
  map_size: ["Map size (pictures a side)", "大小（每边张数）"],
  pad: ["Your drawing", "你的画"],
  clear: ["Clear", "擦掉"],
  redraw: ["Redraw", "重画"],
  redraw_result: ["As the model sees it, and as it draws it again", "模型所见，与模型重画"],
  nothing_drawn: ["The pad is empty. Draw something first.", "画板还是空的，先画点什么吧。"],
  image_styles: ["One style, every class", "一种风格，各个类别"],
  image_mix: ["Mix", "混合"],
  image_directions: ["Directions", "方向"],
  image_colour: ["Colour a drawing", "线稿上色"],
  image_style: ["Another vendor's style", "换一家的画法"],
  image_restore: ["Restore", "修复"],
  image_enlarge: ["Enlarge", "放大"],
  styles_intro: [
    "The model is told the class, so its code is left with the style: a row a style, a column a class.",
    "类别是告诉模型的，编码里只剩风格：一行一种风格，一列一个类别。",
  ],
  mix_intro: [
    "The coarse layers of one picture, the fine layers of another: shape from the first, finish from the second.",
    "一张图的粗层配另一张图的细层：形状取自前者，质地取自后者。",
  ],
  directions_intro: [
    "Directions that the weights alone tell, without any labels: move a picture along them.",
    "仅由权重就能算出的方向，不需要任何标签：让图沿着它们移动。",
  ],
  colour_intro: [
    "Draw the lines of an emoji; the model colours them. It has learnt from emoji alone.",
    "画出表情符号的轮廓，模型来上色。它只学过表情符号。",
  ],
  style_intro: [
    "An emoji as one vendor draws it, redrawn as another would. Any picture can be tried; emoji are what it knows.",
    "把一家画的表情改成另一家的画法。别的图也可以试，但它只认得表情符号。",
  ],
  restore_intro: [
    "Paint over what is damaged, or let holes and noise be made; the model fills in what it thinks was there.",
    "涂抹要修补的地方，或随机弄出破洞与噪点；模型补上它以为的内容。",
  ],
  enlarge_intro: [
    "Four times as wide and as high. What was not in the small picture is invented; the model knows emoji alone.",
    "长宽各放大四倍。小图里没有的细节是模型编出来的；它只认得表情符号。",
  ],
  enlarge_how: ["What is enlarged", "放大什么"],
  enlarge_as_it_is: ["The picture as it is", "原图"],
  enlarge_shrunk: ["Made small first, to compare with the original", "先缩小，再放大，与原图对比"],
  enlarged: ["{given} → {made} pixels", "{given} → {made} 像素"],
  enlarged_reduced: [
    "{given} pixels are too many: first made smaller, to {seen}; a best effort",
    "{given} 像素太大，先缩到 {seen} 再放大，效果仅供参考",
  ],
  styles: ["Styles", "风格数"],
  seed_fine: ["Seed of the fine layers", "细层的种子"],
  crossover: ["Layer to cross over at", "从第几层交换"],
  mix: ["Mix", "混合"],
  direction_number: ["Direction", "方向"],
  move: ["Move", "移动"],
  before_after: ["Before and after", "前后对比"],
  picture: ["Picture", "图"],
  examples: ["Pictures to begin with", "可以从这些图开始"],
  back: ["The other way round", "反方向"],
  colour: ["Colour it", "上色"],
  change_style: ["Change the style", "换风格"],
  restore: ["Restore", "修复"],
  enlarge: ["Enlarge", "放大"],
  how: ["What is wrong with it", "哪里坏了"],
  how_mask: ["What I marked", "我涂的地方"],
  how_holes: ["Make holes", "随机破洞"],
  how_noise: ["Add noise", "加噪点"],
  how_as_it_is: ["Nothing: as it is", "原样"],
  strength: ["Strength of the noise", "噪点强度"],
  steps: ["Steps", "步数"],
  steps_info: ["More: finer, and as many times slower", "越多越细，也越慢"],
  guidance: ["Guidance", "引导强度"],
  guidance_info: ["1: the class as learnt; above: followed further", "1 为学到的样子，越大越贴近类别"],
  choose_picture: ["Choose a picture", "选择图片"],
  marks: ["Paint over what is damaged", "涂抹要修补的地方"],
  // audio
  speak: ["Speak", "说"],
  audio_intro: [
    "Spoken digits, made sample by sample: 8,000 numbers a second.",
    "逐个采样点生成的英文数字读音，每秒 8000 个数。",
  ],
  digits: ["Digits", "数字"],
  digits_placeholder: ["one or several, for example 2026", "一个或多个，例如 2026"],
  speaker: ["Speaker", "说话人"],
  sound: ["Sound", "声音"],
  position: ["Position in the sound", "播放位置"],
  spectrogram: ["Spectrogram", "频谱图"],
  spectrogram_empty: ["The spectrogram will appear here.", "频谱图会出现在这里。"],
  sampling: ["Sampling", "正在采样"],
  // cross-modal
  cross_intro: [
    "Give a number in any form. The judges say what they saw or heard; the other forms are made from it.",
    "用任何方式给出一个数。判别模型说出它看见或听见了什么，再由此生成其余形式。",
  ],
  type: ["Type", "打字"],
  sketch: ["Draw", "手写"],
  number: ["A number", "一个数"],
  number_placeholder: ["seven, 七, 42, forty-two …", "七、42、四十二、seven ……"],
  drawing: ["Draw one digit", "写一个数字"],
  voice: ["Speak", "说话"],
  recording: ["Say one digit in English", "用英语说一个数字"],
  record: ["Record", "录音"],
  stop_recording: ["Stop", "停止"],
  choose_sound: ["Choose a file", "选择文件"],
  recording_now: ["Listening: say a digit now.", "正在听，请说一个数字。"],
  mic_asked: ["The browser asks whether this page may listen.", "浏览器正在询问是否允许使用麦克风。"],
  translate: ["Turn it into the others", "化作其余形式"],
  recognised: ["What the judge makes of it", "判别模型的判断"],
  in_words: ["In words", "文字"],
  words_empty: ["seven · 七", "seven · 七"],
  as_picture: ["As a picture", "图像"],
  as_sound: ["As a sound", "声音"],
  // models
  models_intro: [
    "What is in this page. A model comes when it is first used and then stays on this device, also without a network.",
    "页中所有的模型。首次使用时才下载，之后留在这台设备上，断网也能用。",
  ],
  col_name: ["Model", "模型"],
  col_figure: ["Figure", "指标"],
  col_size: ["MB", "MB"],
  col_licence: ["Licence", "许可证"],
  col_kept: ["On this device", "在本机"],
  kept: ["yes", "有"],
  not_kept: ["not yet", "还没有"],
  keep_all: ["Get all, for use without a network", "全部下载，断网可用"],
  forget_all: ["Remove all from this device", "从本机全部删除"],
  absent_intro: [
    "The zoo also holds these, which cannot run in this page; the app runs them.",
    "园中还有这些模型，无法在此页运行，可在应用里使用。",
  ],
  why_judge: ["it only judges what others make", "它只用来评判别的模型"],
  why_retrieval: [
    "it looks its replies up in a table of thousands, which this page does not carry",
    "它从数千条回复中检索，此页没有带上这张表",
  ],
  why_tokenizer: ["its tokenizer is of a kind that this page cannot read", "它的分词器此页读不了"],
  why_graphs: [
    "it has no graphs, which this page runs; `python -m zoo export` makes them",
    "它没有此页所需的计算图，可用 `python -m zoo export` 生成",
  ],
  why_kind: ["it is of a kind that this page has no panel for", "此页没有适合它的面板"],
  // under way
  loading: ["Getting {what}: {loaded} of {total} MB", "正在下载 {what}：{loaded} / {total} MB"],
  runtime: ["the engine", "运行引擎"],
  working: ["Working", "正在运算"],
  starting: ["Starting", "正在启动"],
  halted: ["Stopped.", "已停止。"],
  finished: ["Done.", "完成。"],
  took: ["{seconds} s", "{seconds} 秒"],
  new_version: ["There is a new version of this page.", "此页有新版本。"],
  reload: ["Reload", "重新载入"],
  no_script: [
    "This page computes in your browser, and needs JavaScript for it.",
    "此页在浏览器里运算，需要启用 JavaScript。",
  ],
  no_models: ["This page holds no model for this.", "此页没有可用于此处的模型。"],
  // errors
  file_missing: [
    "{file} is missing from this page. Reload the page; if that does not help, whoever hosts it must build it anew.",
    "此页缺少 {file}。请重新载入；若仍不行，需由站点重新构建。",
  ],
  file_damaged: [
    "{file} came damaged: it is not the file that this page was built with. Reload the page and try again.",
    "{file} 已损坏，与构建时的文件不符。请重新载入后再试。",
  ],
  file_unreachable: [
    "{file} cannot be reached, and it is not on this device yet. Is there a network?",
    "无法下载 {file}，本机也还没有它。请检查网络。",
  ],
  error_inside: ["Something went wrong in this browser: {why}", "浏览器里出了点问题：{why}"],
  error_old: [
    "This browser is too old for this page: it has no modules in workers, or no WebAssembly SIMD.",
    "浏览器版本过旧：不支持 Worker 模块或 WebAssembly SIMD。",
  ],
  error_long: ["A text may have at most {limit} characters; this has {given}.", "文字最多 {limit} 个字符，这里有 {given} 个。"],
  error_whole: ["Allowed are whole numbers from {low} to {high}, not {given}.", "只能是 {low} 到 {high} 的整数，不能是 {given}。"],
  error_number: ["Allowed are numbers from {low} to {high}, not {given}.", "只能是 {low} 到 {high} 的数，不能是 {given}。"],
  error_unread: [
    "{name} has never read {characters} and cannot go on from there.",
    "{name} 从没读过 {characters}，无法由此写下去。",
  ],
  error_acrostic_long: [
    "The acrostic {acrostic} has {given} characters; {form} has {count} lines.",
    "藏头「{acrostic}」有 {given} 个字，而{form}只有 {count} 句。",
  ],
  error_acrostic_foreign: ["The acrostic has {character}; it takes Chinese characters only.", "藏头里有「{character}」，只能用汉字。"],
  error_acrostic_unread: [
    "{name} has never read {character}, so it cannot begin a line with it; choose another one.",
    "{name} 从没读过「{character}」，不能以它起句，请换一个字。",
  ],
  error_verse_words: ["{name} knows no character of {given}; write it in Chinese.", "{name} 不认识「{given}」中的任何字，请用中文。"],
  error_verse_long: [
    "{name} sees {seen} characters at once; {form} with this title needs {needed}.",
    "{name} 一次能看 {seen} 个字，{form}加上这个题目需要 {needed} 个。",
  ],
  error_no_digits: ["There are no digits to say; type up to eight, such as 42.", "没有要读的数字，请输入至多八个，例如 42。"],
  error_not_digits: ["Only the digits 0 to 9 can be said, not {given}.", "只能读 0 到 9 的数字，不能读「{given}」。"],
  error_many_digits: ["There are {given} digits; at most {limit} are allowed.", "共有 {given} 个数字，最多 {limit} 个。"],
  error_unknown_digit: ["{name} has not learnt {digit}.", "{name} 没学过 {digit}。"],
  error_no_number: ["There is no number; type one, such as 42, forty-two or 四十二.", "还没有数，请输入一个，例如 42、forty-two 或 四十二。"],
  nothing_heard: ["There is no recording yet. Record or upload one first.", "还没有录音，先录一段或上传一段吧。"],
  mic_refused: [
    "The microphone was refused. Allow it in the browser's address bar, or choose a file.",
    "麦克风未获许可。请在浏览器地址栏中允许，或选择文件。",
  ],
  mic_none: ["No microphone is there. Connect one, or choose a file.", "没有找到麦克风。请接上麦克风，或选择文件。"],
  mic_busy: [
    "The microphone cannot be used; another program may hold it. Choose a file, or try again.",
    "麦克风无法使用，可能被其他程序占用。请选择文件，或再试一次。",
  ],
  mic_unsafe: [
    "This browser lends this page no microphone: that needs https (or this very machine). Choose a file.",
    "浏览器不向此页开放麦克风，需用 https 打开（或在本机打开）。请选择文件。",
  ],
  mic_failed: ["The microphone cannot be used: {why}", "麦克风无法使用：{why}"],
  error_sound: [
    "This browser can read no sound in that; a WAV is always read.",
    "浏览器无法从中读出声音；WAV 文件总能读。",
  ],
  error_large_file: ["The file has {given} MB; at most {limit} MB are read.", "文件有 {given} MB，最多读 {limit} MB。"],
  error_seconds: [
    "The recording lasts {given} seconds; {low} to {high} are allowed.",
    "录音长 {given} 秒，只能是 {low} 到 {high} 秒。",
  ],
  error_silent: ["Nothing is heard there: the recording is silent.", "录音里没有声音。"],
  error_short_word: [
    "What is heard lasts {given} seconds; a word takes longer.",
    "只听到 {given} 秒的声音，一个词要更长些。",
  ],
  error_empty_text: ["There is no text. Write a sentence first.", "还没有文字，先写一句吧。"],
  error_script: [
    "{name} has learnt English and Chinese, and cannot read {characters}.",
    "{name} 只学过英文和中文，不认识 {characters}。",
  ],
  error_unread_most: [
    "{name} has never read most of this; it has learnt English and simplified Chinese.",
    "这里的大部分内容 {name} 从没读过；它学的是英文和简体中文。",
  ],
  error_neither: ["{name} has learnt English and Chinese; this does not read like either.", "{name} 学的是英文和中文，这句两者都不像。"],
  error_many_tokens: [
    "The text has {given} tokens; {name} sees {seen} at once. Make it shorter.",
    "文字有 {given} 个词元，{name} 一次能看 {seen} 个，请写短些。",
  ],
  error_blanks: [
    "The text has {given} blanks; write 1 to {limit} of them, as ___ or [MASK].",
    "文字里有 {given} 个空，请写 1 到 {limit} 个，写作 ___ 或 [MASK]。",
  ],
  error_direction: ["{name} does not know the direction {direction}.", "{name} 没有 {direction} 这个方向。"],
  error_is_chinese: [
    "The text has Chinese characters ({given}), and English is read here; choose 中文 → English.",
    "文字里有汉字（{given}），而这个方向读英文，请选「中文 → English」。",
  ],
  error_not_chinese: [
    "{given} has no Chinese character, and Chinese is read here; choose English → 中文.",
    "「{given}」里没有汉字，而这个方向读中文，请选「English → 中文」。",
  ],
  error_no_words: ["{given} has no words; give a sentence to translate.", "「{given}」里没有词，请给一句话。"],
  error_many_sentences: ["The text has {given} sentences; at most {limit} are allowed.", "文字有 {given} 句，最多 {limit} 句。"],
  error_long_sentence: [
    "The sentence {sentence} has {given} tokens; {name} reads at most {seen}. Make it shorter, or into several.",
    "「{sentence}」有 {given} 个词元，{name} 最多读 {seen} 个，请写短些或分成几句。",
  ],
  error_unread_words: [
    "{name} has never read {characters} and would guess; say it in other words.",
    "{name} 从没读过 {characters}，只能乱猜，请换个说法。",
  ],
  error_no_english: ["There is no word to pronounce; give one in English letters.", "没有要注音的单词，请用英文字母写一个。"],
  error_many_words: ["There are {given} words; at most {limit} are allowed.", "共有 {given} 个单词，最多 {limit} 个。"],
  error_long_word: [
    "{word} has {given} letters; {name} reads words of at most {limit}.",
    "「{word}」有 {given} 个字母，{name} 最多读 {limit} 个字母的单词。",
  ],
  error_no_letters: [
    "{word} has {characters}, which cannot be pronounced; write it in English letters, and numbers as words.",
    "「{word}」里的 {characters} 无法注音，请用英文字母写，数字也写成单词。",
  ],
  error_no_picture: ["There is no picture yet. Choose one, or click one of those below.", "还没有图。请选择一张，或点选下面的一张。"],
  error_picture: [
    "This browser can read no picture in that; PNG, JPEG and WEBP are always read.",
    "浏览器无法从中读出图片；PNG、JPEG、WEBP 总能读。",
  ],
  error_few_pixels: [
    "The picture has {width} x {height} pixels; at least {least} a side are needed.",
    "图有 {width} × {height} 像素，每边至少要 {least} 像素。",
  ],
  error_narrow: [
    "The picture has {width} x {height} pixels; one side may be at most {limit} times the other.",
    "图有 {width} × {height} 像素，一边最多是另一边的 {limit} 倍。",
  ],
  error_small_already: [
    "The picture has {width} x {height} pixels; at least {least} on its longer side are needed to make it small first. Enlarge it as it is.",
    "图有 {width} × {height} 像素，长边至少 {least} 像素才能先缩小，请按原图放大。",
  ],
  error_one_shade: ["There is nothing to see: the picture is of one shade.", "图里什么也没有：只有一种颜色。"],
  error_no_lines: ["That is no drawing of lines: most of it is ink.", "这不像线稿：大部分都是墨。"],
  error_no_marks: ["Nothing is marked; paint over what is to be replaced.", "还没有涂抹，请涂抹要修补的地方。"],
  error_many_marks: [
    "{share} % of the picture is marked; at most {limit} % are allowed.",
    "涂抹了图的 {share}%，最多 {limit}%。",
  ],
  error_not_number: [
    "{given} is no whole number that can be read here; write it as 42, forty-two or 四十二.",
    "读不懂「{given}」，请写成 42、forty-two 或 四十二。",
  ],
};

/** @typedef {"en" | "zh-CN"} Language */

/** The page's language: its ?lang=, else the browser's. @type {Language} */
let language = languageOf(new URLSearchParams(location.search).get("lang") ?? navigator.language);

/** @returns {Language} */
function languageOf(/** @type {string} */ wanted) {
  return wanted.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

/** The words of a key, with its {names} filled in. @param {string} key @param {Record<string, string | number>} values */
export function say(key, values = {}) {
  const words = STRINGS[key][language === "en" ? 0 : 1];
  return words.replace(/\{(\w+)\}/g, (_, name) => shown(values[name]));
}

/** Numbers as people of this language write them. @param {string | number} value */
function shown(value) {
  return typeof value === "number" ? value.toLocaleString(language, { maximumFractionDigits: 2 }) : value;
}

/** Say the words of elements that name them in data-text, data-placeholder, data-label (for screen readers), data-tip. */
export function translate(/** @type {ParentNode} */ within = document) {
  document.documentElement.lang = language;
  document.title = say("name");
  for (const found of within.querySelectorAll("[data-text], [data-placeholder], [data-label], [data-tip]")) {
    const { text, placeholder, label, tip } = /** @type {HTMLElement} */ (found).dataset;
    if (text) found.textContent = say(text);
    if (placeholder) found.setAttribute("placeholder", say(placeholder));
    if (label) found.setAttribute("aria-label", say(label));
    if (tip) found.setAttribute("title", say(tip));
  }
}

/** Speak the other language from now on; the address remembers it. */
export function switchLanguage() {
  language = language === "en" ? "zh-CN" : "en";
  const address = new URL(location.href);
  address.searchParams.set("lang", language);
  history.replaceState(null, "", address);
  translate();
}
