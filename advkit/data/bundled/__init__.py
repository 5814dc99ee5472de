"""Images that come with the wheel.

``fashion-mnist.npz``: the first 1,000 test images of Fashion-MNIST (Xiao et al. 2017), uint8;
MIT licence, notice in ``fashion-mnist-licence.txt``. Made by ``benchmarks/bundled_weights.py``.
"""
