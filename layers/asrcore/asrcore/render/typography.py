"""Where text may not be broken: prohibitions of Chinese and Japanese, numbers, dotted names, and abbreviations.

Sources: W3C, Requirements for Chinese Text Layout (prohibition rules for line start and line end); JIS X 4051
(characters that must not begin or end a line); Unicode Standard Annex 14 (numeric context).
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain

# No line begins with one of these. Closing brackets, stops and pauses are known by their category, or in `lines`.
NO_LINE_START = frozenset(
    "·・‧•%％‰℃℉°′″”’»›‐‑–～〜゠ー々〻ゝゞヽヾ‼⁇⁈⁉／￠"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿｧｨｩｪｫｬｭｮｯｰ"
)
# No line ends with one of these. Opening brackets are known by their category.
NO_LINE_END = frozenset("￥¥＄$€£￡₩№＃“‘«‹")

_DIGIT = "[0-9０-９]"
_UNIT = "|".join(
    (
        "[%％‰℃℉°′″]",
        "°[CF]",
        "(?:km/h|m/s|[kKMGT]?(?:Hz|bps|B|W|V|Wh|Pa|bit)|[kcmnμ]?m[²³23]?|[kmμ]?[gsALl]|mAh|min|h|dB)(?![A-Za-z])",
        "(?:平方|立方)?(?:公里|千米|厘米|毫米|微米|纳米|米)|公斤|千克|毫克|克|吨|毫升|升|毫安|千瓦时|千瓦|瓦|伏",
        "小时|分钟|毫秒|秒|年|月|日|号|时|点|分|天|周|岁|摄氏度|度|倍|赫兹|比特|字节|个百分点",
        "(?:[百千万亿]+)?(?:美元|欧元|英镑|日元|港元|人民币|元|块|角)|[百千万亿]+",
    )
)
# A sum, time, date, ratio, decimal or grouped number, in ASCII or full-width characters, with currency and unit.
_NUMBER = re.compile(
    rf"(?:[A-Z]{{0,3}}[￥¥＄$€£￡₩] ?)?[-+−±＋－]?(?:{_DIGIT}{{1,3}}(?:[,，]{_DIGIT}{{3}})+|{_DIGIT}+)"
    rf"(?:[.．:：/／~～–−－-]{_DIGIT}+)*(?: ?(?:{_UNIT})(?:[/／](?:{_UNIT}))?)?"
)
# Han characters that transliterations of foreign names use. They bound a name, which is written without spaces.
_TRANSLITERATION = (
    "阿埃艾爱安昂奥巴白班邦包保鲍贝本比彼宾波伯博勃布查察昌茨达戴丹道德登邓迪蒂丁东杜顿多厄恩尔法范方菲费"
    "芬丰冯弗佛夫福盖甘冈高戈哥格根贡古圭哈海汉豪赫黑亨洪侯胡华怀惠霍基吉季加贾杰金京卡凯坎康考柯科克肯孔"
    "库夸奎昆拉腊莱赖兰朗劳勒雷里理力利立莉丽连列林琳龙隆卢鲁伦罗洛吕马迈麦曼芒毛梅门蒙孟米密敏明莫墨默姆"
    "穆纳娜奈南内嫩尼宁牛纽农努诺欧帕派潘庞佩彭蓬皮匹平珀普奇齐恰钱乔切青琼丘邱让日荣茹儒瑞若撒萨塞赛桑瑟"
    "森沙莎山尚绍舍申圣施诗什史士舒斯丝思松苏索塔泰坦汤唐陶特腾滕提铁廷通图托瓦万旺威韦薇维魏温文翁沃乌武"
    "西希锡夏香肖谢辛欣休修许雅亚扬耶叶伊因英尤约泽扎詹珍芝朱卓兹佐翰逊蕾黛葛琪雪娅"
)
_NAME_PART = rf"(?:[{_TRANSLITERATION}]{{1,8}}|[ァ-ヺー]+|[A-Za-z]\.?)"
_DOTTED_NAME = re.compile(rf"{_NAME_PART}(?:[·・‧•]{_NAME_PART})+")

# Abbreviations before their full stop, in lower case, by language. Initials and dotted letters are known by shape.
_NAMES = {
    "en": "dr mr mrs ms messrs prof rev hon gen col capt lt sgt sen rep gov pres st mt ft",
    "de": "dr hr fr prof st",
    "fr": "dr mm mme mmes mlle st ste",
    "es": "dr dra prof sr sra srta",
    "it": "dott ing prof sig",
    "pt": "dr dra prof sr sra",
    "ru": "акад г им проф ул",
}
_NUMBERS = {
    "en": "approx art ch ed fig figs no nos p pp sec vol vols jan feb mar apr jun jul aug sep sept oct nov dec",
    "de": "nr abs art kap s ca max min",
    "fr": "art chap env",
    "es": "art núm pág aprox",
    "it": "art pag ca",
    "pt": "art pág",
    "ru": "д рис стр",
}
_REST = {
    "en": "inc ltd co corp bros jr vs etc al cf est dept univ assn ave blvd rd",
    "de": "bzw evtl ggf inkl mio mrd tel usw vgl str",
    "fr": "av etc ex cf",
    "es": "etc ud uds",
    "it": "ecc",
    "pt": "etc ltda",
    "ru": "др пр руб тыс млн млрд гг",
}
_BEFORE_NAMES, _BEFORE_NUMBERS, _OTHERS = (
    {language: frozenset(words.split()) for language, words in table.items()} for table in (_NAMES, _NUMBERS, _REST)
)
_WORD = re.compile(r"(?<![^\W_])(?:[A-Za-zÀ-ɏЀ-ӿ]+\.)*[A-Za-zÀ-ɏЀ-ӿ]+$")
_DOTTED_LETTERS = re.compile(r"(?:\w{1,2}\.)+\w{1,2}")  # U.S, e.g, a.m, Ph.D, z.B


def is_abbreviation(text: str, end: int, language: str | None = None) -> bool:
    """Return whether the full stop before offset `end` belongs to an abbreviation, and so ends no sentence.

    Args:
        text: of a turn.
        end: the offset after the full stop.
        language: a BCP 47 tag. English abbreviations count in every language, because other speakers use them too.
    """
    word = _word_before_stop(text, end)
    return bool(word) and (
        binds_next_word(text, end, language)
        or _DOTTED_LETTERS.fullmatch(word) is not None
        or word.lower() in _table(_OTHERS, language)
    )


def binds_next_word(text: str, end: int, language: str | None = None) -> bool:
    """Return whether the full stop before offset `end` is of an abbreviation that needs the next word.

    Such are initials, `Dr.` before a name and `No.` before a number.
    """
    word, following = _word_before_stop(text, end), text[end:].lstrip(" ")[:1]
    if len(word) == 1 and word.isupper() and word != "I":
        return following.isupper()
    if following.isdigit():
        return word.lower() in _table(_BEFORE_NUMBERS, language)
    return following.isalpha() and not following.islower() and word.lower() in _table(_BEFORE_NAMES, language)


def unbreakable(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each number with its unit and of each dotted name: no offset between them is a break."""
    for found in chain(_NUMBER.finditer(text), _DOTTED_NAME.finditer(text)):
        yield found.span()


def _word_before_stop(text: str, end: int) -> str:
    """Return the word before the full stop that ends at `end`; "" if there is no full stop or no word."""
    if text[end - 1 : end] != ".":
        return ""
    found = _WORD.search(text, max(0, end - 16), end - 1)
    return found[0] if found else ""


def _table(words: Mapping[str, frozenset[str]], language: str | None) -> frozenset[str]:
    return words["en"] | words.get((language or "en").split("-")[0].lower(), frozenset())
