#!/bin/sh
# Makes the sample recordings and scripts.json again. Not part of the build: the recordings are checked in, and another
# version of a tool makes other bytes (scripts.json always fits what this script just made).
#
# Needs espeak-ng (the voices), sox (pauses and channels) and ffmpeg (encoding):
#   apt-get install espeak-ng sox ffmpeg
#   samples/make.sh
#
# Mandarin is spoken by the voice cmn-latn-pinyin: some versions of the plain cmn voice read the pinyin they find in
# their dictionary as if it were English.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

PAUSE_S=0.7
EDGE_S=0.3

# begin RATE_HZ CHANNELS LANGUAGE: start a recording.
begin() {
    rate=$1 channels=$2 language=$3 count=0 lines='' speakers=''
    rm -f "$work"/line-*.wav
}

# say SPEAKER SPEED TEXT: add one sentence and a pause. Speakers 1 and 2 have different voices; in a stereo recording each
# has a channel.
say() {
    case "$language-$1" in
        zh-CN-1) voice=cmn-latn-pinyin+f3 pitch=60 ;;
        zh-CN-2) voice=cmn-latn-pinyin+m3 pitch=30 ;;
        en-US-1) voice=en-us+f2 pitch=55 ;;
        en-US-2) voice=en-us+m3 pitch=35 ;;
    esac
    count=$((count + 1))
    espeak-ng -v "$voice" -p "$pitch" -s "$2" -w "$work/raw.wav" "$3"
    # Only the speech: espeak-ng leaves a little silence at both ends. Then the pause, then the speaker's channel.
    case "$channels-$1" in 2-1) map="1 0" ;; 2-2) map="0 1" ;; *) map=1 ;; esac
    sox -D -R "$work/raw.wav" -r "$rate" -b 16 "$work/line-$(printf %02d "$count").wav" \
        gain -n -4 reverse silence 1 0.01 0.5% fade 0.02 reverse silence 1 0.01 0.5% fade 0.01 \
        pad 0 "$PAUSE_S" remix $map
    lines="$lines${lines:+, }\"$3\""
    speakers="$speakers${speakers:+, }$1"
}

# finish FILE ENCODER-OPTION...: join the sentences, encode them, and add the recording to scripts.json.
finish() {
    file=$1
    shift
    sox -D -R "$work"/line-*.wav "$work/joined.wav" pad "$EDGE_S" 0
    ffmpeg -hide_banner -loglevel error -y -i "$work/joined.wav" -map_metadata -1 \
        -fflags +bitexact -flags:a +bitexact "$@" "$file"
    sha=$(sha256sum "$file" | cut -d ' ' -f 1)
    printf '%s  "%s": {\n    "file": "%s",\n    "language": "%s",\n    "lines": [%s],\n    "speakers": [%s]\n  }' \
        "$separator" "$sha" "$file" "$language" "$lines" "$speakers" >> "$work/scripts.json"
    separator=',
'
}

separator='{
'

begin 16000 1 zh-CN
say 1 230 "大家好，欢迎参加今天的会议。"
say 2 230 "我们先看上周的数据。"
finish meeting.wav -c:a pcm_s16le

begin 8000 1 zh-CN
say 1 200 "您好，这里是客户服务中心。"
say 1 200 "请问有什么可以帮您？"
finish greeting.wav -c:a pcm_s16le

begin 8000 2 zh-CN
PAUSE_S=0.5
say 1 260 "您好，是王先生吗？"
say 2 260 "是的，请问哪位？"
say 1 260 "您的快递到了。"
PAUSE_S=0.7
finish call.wav -c:a pcm_s16le

begin 16000 1 zh-CN
say 1 190 "各位听众，早上好。"
say 1 190 "今天是星期五，天气晴，最高气温二十五度。"
say 1 190 "本市新建的图书馆今天正式开放。"
say 1 190 "图书馆一共有六层，有图书一百万册。"
say 1 190 "市民可以免费借书。"
say 1 190 "感谢收听，我们明天再见。"
finish news.mp3 -c:a libmp3lame -b:a 32k

begin 44100 1 zh-CN
say 1 185 "同学们好，今天我们学习声音的基本知识。"
say 1 185 "声音是由物体振动产生的。"
say 1 185 "振动越快，声音越高。"
say 1 185 "人可以听到二十赫兹到两万赫兹的声音。"
say 1 185 "电话里只有其中的一小部分。"
say 1 185 "所以电话里的声音和平时不一样。"
say 1 185 "下一节课，我们学习怎样录音。"
finish lecture.m4a -c:a aac -b:a 40k -movflags +faststart

begin 16000 1 en-US
say 1 165 "Hello, and welcome to the show."
say 1 165 "Today we talk about machines that listen."
finish hello.mp3 -c:a libmp3lame -b:a 32k

begin 48000 1 en-US
say 1 160 "Once upon a time, a small fox lived near a quiet river."
say 2 160 "Who has taken my fish, asked the fox."
say 1 160 "It was the water, said the old turtle, for the water takes everything."
say 2 160 "Then I will ask the water to bring it back."
finish story.ogg -c:a libopus -b:a 24k -application voip

printf '\n}\n' >> "$work/scripts.json"
cp "$work/scripts.json" scripts.json
