"""Images and sounds that come with the wheel.

``fashion-mnist.npz``: the first 1,000 test images of Fashion-MNIST (Xiao et al. 2017), uint8;
MIT licence, notice in ``fashion-mnist-licence.txt``. Made by ``benchmarks/bundled_weights.py``.

``digits.npz``: the 1,797 images of `load_digits` in scikit-learn (Alpaydin, Kaynak 1998), uint8;
CC BY 4.0; notice in ``digits-licence.txt``.

``spoken-digits.flac``, ``spoken-digits.csv``: the ten digits in 69 voices, spoken by espeak-ng
1.51 (GPL; what it speaks is not under its licence) at 8 kHz, 12 bits, and which clip is where; 19
voices are the test split. Made by ``benchmarks/spoken_digits.py``.
"""
