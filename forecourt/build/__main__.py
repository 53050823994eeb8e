"""python -m forecourt.build: make the apps' files of this source, if they are not there yet."""

from forecourt.build.web_apps import ensure_web_apps

if __name__ == "__main__":
    print(ensure_web_apps())
