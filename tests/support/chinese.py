"""What this project's Chinese texts do not have, in pages and in message catalogues."""

import re

MISTAKES = {
    "half-width punctuation": re.compile(r"[\u4e00-\u9fff][,;:!?]|[,;:!?(][\u4e00-\u9fff]|[\u4e00-\u9fff]\.(?!\w)"),
    "no space between Chinese and Latin": re.compile(r"[\u4e00-\u9fff][A-Za-z0-9`]|[A-Za-z0-9`][\u4e00-\u9fff]"),
    "polite address": re.compile("您"),
    "a word that docs/glossary.md has another for": re.compile(
        "(?<!堆)栈|附属文件|边车|成本(?!分配标签)|供应商|服务商|逐字稿|转写稿"
    ),
}
# Within a sentence of a page: a browser shows it as a space.
LINE_BREAK = re.compile(r"[\u4e00-\u9fff，、；：。！？）”]\n *[\u4e00-\u9fff（“]")
