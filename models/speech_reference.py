"""What CTranslate2 makes of the sample speech with the weights that our Whisper nets come from, for the C recogniser to be compared with.

OUT/reference/speech.json: {"key", "peer", "records": [{file, tokens, text, no_speech, score}]}: greedy, without timestamps, each file as a whole.
"""

import json
from pathlib import Path

import ctranslate2
import tokenizers

from . import audio, files, index, pins
from .families import whisper
from .progress import Progress
from .speech_index import MODEL, key, media_of

def reference(zoo: pins.Zoo, out: Path) -> None:
    """Writes the file. The sample media and the original net must be there."""
    subject = whisper.subject(zoo.models[MODEL], out)
    spelling = tokenizers.Tokenizer.from_file(str(subject.folder / "tokenizer.json"))
    media = media_of(zoo)
    progress = Progress(len(media))
    records = []
    for medium in media:
        progress.step(medium.name)
        features = ctranslate2.StorageView.from_array(audio.log_mel(audio.read_wav(out / "media" / "speech" / medium.name)))
        (said,) = subject.engine.generate(features, [subject.prompt], beam_size=1, return_scores=True, return_no_speech_prob=True)
        tokens = said.sequences_ids[0]
        records.append(
            {
                "file": medium.name,
                "tokens": tokens,
                "text": spelling.decode(tokens).strip(),
                "no_speech": said.no_speech_prob,
                "score": said.scores[0],
            }
        )
    target = out / "reference" / "speech.json"
    content = {"key": key(zoo), "peer": f"ctranslate2 {index.version('ctranslate2')}", "records": records}
    files.write(target, json.dumps(content) + "\n")
    progress.done(f"{len(records)} records in {target}")
