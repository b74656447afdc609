#!/bin/sh
# Makes the recordings in examples/audio from nothing, with espeak-ng and ffmpeg. What is said stands in its README.
set -eu
cd "$(dirname "$0")/audio"
mkdir -p phone radio

# say FILE FFMPEG-OPTIONS < sentences, one a line: spoken with a pause after each, encoded as FILE
say() {
    file=$1
    shift
    sed 's|$|<break time="700ms"/>|' |
        espeak-ng -m -v en-us+klatt -s 140 -p 30 --stdin --stdout |
        ffmpeg -hide_banner -loglevel error -y -i pipe: -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@" "$file"
}

say welcome.wav -ar 16000 -c:a pcm_s16le <<END
The microphone is on the table.
This is a test of speech recognition.
END

say weather.flac -ar 16000 <<END
There was snow on the mountains last night.
The temperature will fall to ten degrees.
END

say numbers.mp3 -ar 24000 -b:a 48k <<END
One two three four five six seven eight nine ten.
There are seven days in a week.
END

say house.ogg -ar 32000 -c:a libvorbis -q:a 3 <<END
My brother lives in a small house near the sea.
The music was very loud last night.
END

say radio/bread.opus -ar 48000 -c:a libopus -b:a 32k <<END
The price of bread has gone up this year.
The meeting will start at nine in the morning.
END

say radio/coffee.webm -ar 48000 -c:a libopus -b:a 32k <<END
I would like a cup of coffee please.
The train leaves at half past seven.
END

say phone/number.m4a -ar 44100 -c:a aac -b:a 64k <<END
Our phone number is five five five two three eight.
I would like a cup of coffee please.
END

say phone/river.wav -ar 8000 -c:a pcm_mulaw <<END
The river runs through the middle of the town.
We will call you back tomorrow.
END

say stereo.wav -ar 44100 -ac 2 -c:a pcm_s16le <<END
There are seven days in a week.
The microphone is on the table.
END
