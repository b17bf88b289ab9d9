// What the assertions use. C++, because its templates can take the type of a C function apart; the headers are C headers.
#ifdef __linux__
// Where words have 32 bits, the headers have libc's old mask of one word. The kernel's has 64 signals everywhere
// (`_NSIG` in arch/*/include/asm/signal.h).
#if __SIZEOF_LONG__ == 4
struct kernel_sigset {
    unsigned long sig[64 / 32];
};
#define sigset_t kernel_sigset
#endif
#include <asm/ucontext.h>
#endif

namespace abi {
using u8 = __UINT8_TYPE__;
using u16 = __UINT16_TYPE__;
using u32 = __UINT32_TYPE__;
using u64 = __UINT64_TYPE__;
using usize = __UINTPTR_TYPE__;
using i8 = __INT8_TYPE__;
using i16 = __INT16_TYPE__;
using i32 = __INT32_TYPE__;
using i64 = __INT64_TYPE__;
using isize = __INTPTR_TYPE__;

template <class T> using pointer = T *;
template <class T, usize N> using array = T[N];

template <class Rust, class C> constexpr bool same();

template <class R, class... A, class S, class... B> constexpr bool alike(R (*)(A...), S (*)(B...)) {
    if constexpr (sizeof...(A) == sizeof...(B))
        return same<R, S>() && (same<A, B>() && ...);
    else
        return false;
}
template <class R, class... A, class S, class... B> constexpr bool alike(R (*)(A..., ...), S (*)(B..., ...)) {
    return alike((R (*)(A...))nullptr, (S (*)(B...))nullptr);
}
#ifdef __i386__ // other architectures have one convention
template <class R, class... A, class S, class... B>
constexpr bool alike(R(__stdcall *)(A...), S(__stdcall *)(B...)) {
    return alike((R (*)(A...))nullptr, (S (*)(B...))nullptr);
}
#endif
// One is variadic, or has another convention, and the other does not.
constexpr bool alike(...) { return false; }

// Either side may be void, and the sign of bytes may differ.
template <class Rust, class C> constexpr bool same_behind_pointer() {
    if constexpr (__is_void(Rust) || __is_void(C))
        return true;
    else if constexpr (__is_integral(Rust) && __is_integral(C))
        return same<Rust, C>() || (sizeof(Rust) == 1 && sizeof(C) == 1);
    else
        return same<Rust, C>();
}

// An array of one element is that element.
template <class T> struct sole {
    using type = T;
};
template <class T> struct sole<T[1]> : sole<T> {};

// Whether a value of either type is passed alike: the same kind, size and sign. Structs are compared by size here, and by
// FIELD. A union (LARGE_INTEGER) is passed as its content, and compilers differ on the sign of an enum.
template <class Rust, class C> constexpr bool same() {
    using R = __remove_cv(Rust);
    using T = __remove_cv(C);
    if constexpr (__is_function(R) || __is_function(T)) {
        if constexpr (__is_function(R) && __is_function(T))
            return alike((R *)nullptr, (T *)nullptr);
        else
            return false;
    } else if constexpr (__is_void(R) || __is_void(T))
        return __is_void(R) && __is_void(T);
    else if constexpr (__is_pointer(R) && __is_pointer(T))
        return same_behind_pointer<__remove_cv(__remove_pointer(R)), __remove_cv(__remove_pointer(T))>();
    else if constexpr (__is_pointer(R) || __is_pointer(T))
        return false;
    else if constexpr (__is_integral(typename sole<R>::type) && __is_integral(typename sole<T>::type))
        return sizeof(R) == sizeof(T) && __is_signed(typename sole<R>::type) == __is_signed(typename sole<T>::type);
    else if constexpr (__is_union(T) || __is_enum(T))
        return sizeof(R) == sizeof(T);
    else
        return __is_integral(R) == __is_integral(T) && sizeof(R) == sizeof(T);
}

// Structs, because clang prints their arguments when an assertion fails.
template <class Rust, class C> struct declared {
    static constexpr bool alike = same<Rust, C>();
};
template <class Type, Type Rust, Type C> struct number {
    static constexpr bool equal = Rust == C;
};
} // namespace abi

// With the builtin clang folds expressions that are not constant in C++: the casts in INVALID_HANDLE_VALUE, MAP_FAILED.
#define FOLD(expression) (__builtin_constant_p(expression) ? (expression) : (expression))
// The second assertion fails if the number in C does not fit the type in Rust.
#define NUMBER(type, value, name)                                                                                      \
    static_assert(abi::number<type, value, FOLD((type)(name))>::equal, #name);                                         \
    static_assert(FOLD((__typeof__(name))(type)(name) == (name)), #name " does not fit")
#define FIELD(rust, ours, c, theirs)                                                                                   \
    static_assert(__builtin_offsetof(rust, ours) == __builtin_offsetof(c, theirs), "offset of " #theirs);              \
    static_assert(abi::declared<decltype(rust::ours), __typeof__(((c *)nullptr)->theirs)>::alike, "type of " #theirs)
